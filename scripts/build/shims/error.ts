// commander calls it for each of its errors; it is V8's, and an engine without it has nothing to leave out of a stack.
const errors: { captureStackTrace?: (target: object) => void } = Error;
errors.captureStackTrace ??= () => {};
