// How single values look; the same rules as the tables of the command line.

const MISSING = "-";

function metric(value, digits = 4) {
  if (value === null || value === undefined) return MISSING;
  const size = Math.abs(value);
  if (size === 0 || (size >= 10 ** (1 - digits) && size < 1000)) return value.toFixed(digits);
  if (Number.isInteger(value) && size < 1e7) return String(value);
  return size < 1 ? String(Number(value.toPrecision(3))) : Number(value.toPrecision(3)).toExponential();
}

function spread(low, high) {
  return low === null || high === null ? MISSING : `[${metric(low, 3)}, ${metric(high, 3)}]`;
}

function knobText(value) {
  if (value === null) return MISSING;
  if (typeof value !== "number") return value;
  if (Number.isInteger(value)) return String(value);
  const short = Number(value.toPrecision(4));
  return short !== 0 && Math.abs(short) < 1e-4 ? short.toExponential() : String(short);
}

function duration(seconds) {
  if (seconds === null) return MISSING;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

function hours(value) {
  return value < 10 ? Number(value.toPrecision(2)).toString() : Math.round(value).toLocaleString("en");
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

function moment(time) {
  return new Date(time).toISOString().replace("T", " ").slice(0, 16) + " UTC";
}
