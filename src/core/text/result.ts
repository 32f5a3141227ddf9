/** The outcome of something that can fail for a reason that a person should read; errors are values in the core. */
export type Result<Value> = { readonly ok: true; readonly value: Value } | Failure;

export type Failure = { readonly ok: false; readonly error: string };

export function success<Value>(value: Value): Result<Value> {
  return { ok: true, value };
}

/** `error` continues a sentence that begins with the value: `not a duration; use for example 250ms, 5s, 2m`. */
export function failure(error: string): Failure {
  return { ok: false, error };
}
