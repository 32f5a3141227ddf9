/** What one message of sd_notify(3) says, of what rehup listens to. */
export type Notification = {
  readonly ready: boolean;
  readonly stopping: boolean;
  readonly reloading: boolean;
  /** MONOTONIC_USEC=: when that began, on CLOCK_MONOTONIC, microseconds. */
  readonly began: number | undefined;
  /** EXTEND_TIMEOUT_USEC=: how long from now it asks to be waited for, microseconds. */
  readonly extension: number | undefined;
  /** STATUS=: a byte string. */
  readonly status: string | undefined;
};

/** A status may have so many bytes; the rest of it is cut. */
const STATUS_KEPT = 1_024;

/** More digits than a 64-bit number has are no number. */
const NUMBER = /^\d{1,20}$/;

/** Takes a message apart, a byte string: assignments, one a line. What is said twice counts as it is said last. */
export function parseNotification(message: string): Notification {
  const values = new Map<string, string>();
  for (const line of message.split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1));
  }
  const number = (name: string): number | undefined => {
    const text = values.get(name) ?? '';
    return NUMBER.test(text) ? Number(text) : undefined;
  };
  return {
    ready: values.get('READY') === '1',
    stopping: values.get('STOPPING') === '1',
    reloading: values.get('RELOADING') === '1',
    began: number('MONOTONIC_USEC'),
    extension: number('EXTEND_TIMEOUT_USEC'),
    status: values.get('STATUS')?.slice(0, STATUS_KEPT),
  };
}
