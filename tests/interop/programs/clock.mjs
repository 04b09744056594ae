// Time stands still until it is set. To be imported before what reads the time.
const RealDate = Date;
let now = RealDate.now();

class SteadyDate extends RealDate {
  constructor(...given) {
    super(...(given.length ? given : [now]));
  }

  static now() {
    return now;
  }
}

globalThis.Date = SteadyDate;
process.env.TZ = "UTC";

export function setTime(milliseconds) {
  now = milliseconds;
}
