import { failure, type Result, success } from '../text/result.ts';

/** Signal numbers of Linux on x86-64 and arm64: signal(7), "Signal numbering for standard signals". */
const NUMBERS = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
} as const;

const ALIASES: Readonly<Record<string, number>> = { IOT: 6, CLD: 17, POLL: 29 };

/** The number of a signal, 1–64. */
export type Signal = number;

export const SIGHUP: Signal = NUMBERS.HUP;
export const SIGINT: Signal = NUMBERS.INT;
export const SIGQUIT: Signal = NUMBERS.QUIT;
export const SIGKILL: Signal = NUMBERS.KILL;
export const SIGTERM: Signal = NUMBERS.TERM;
export const SIGCHLD: Signal = NUMBERS.CHLD;
export const SIGCONT: Signal = NUMBERS.CONT;
export const SIGSTOP: Signal = NUMBERS.STOP;
export const SIGTSTP: Signal = NUMBERS.TSTP;
export const SIGTTIN: Signal = NUMBERS.TTIN;
export const SIGTTOU: Signal = NUMBERS.TTOU;

/** The real-time signals as programs see them: the C libraries keep 32 and 33 (and musl 34) for themselves, signal(7). */
export const SIGRTMIN = 34;
export const SIGRTMAX = 64;

/** The faults: a host that can't tell a sent one from its own leaves them alone (specification 2.2). */
export const FAULT_SIGNALS: readonly Signal[] = [
  NUMBERS.SEGV,
  NUMBERS.BUS,
  NUMBERS.FPE,
  NUMBERS.ILL,
  NUMBERS.TRAP,
  NUMBERS.ABRT,
  NUMBERS.SYS,
];

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(NUMBERS).map(([name, number]) => [number, name]),
);

/** `SIGHUP`, `SIGRTMIN+3`, or `signal 33` for one that has no name. */
export function signalName(signal: Signal): string {
  const name = NAMES.get(signal);
  if (name !== undefined) return `SIG${name}`;
  if (signal < SIGRTMIN || signal > SIGRTMAX) return `signal ${signal}`;
  return signal === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${signal - SIGRTMIN}`;
}

/** A signal by name with or without `SIG`, in any case, by number, or as `RTMIN+3` or `RTMAX-1`. */
export function parseSignal(text: string): Result<Signal> {
  const word = text.toUpperCase().replace(/^SIG/, '');
  const number = /^\d{1,2}$/.test(word) ? Number(word) : (named(word) ?? realTime(word));
  if (number === undefined || number < 1 || number > SIGRTMAX) {
    return failure('not a signal; use a name like SIGHUP, RTMIN+3, or a number from 1 to 64');
  }
  return success(number);
}

function named(word: string): Signal | undefined {
  return new Map<string, number>([...Object.entries(NUMBERS), ...Object.entries(ALIASES)]).get(word);
}

function realTime(word: string): Signal | undefined {
  const match = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(word);
  if (match === null) return undefined;
  const offset = Number(match[3] ?? 0) * (match[2] === '-' ? -1 : 1);
  const number = (match[1] === 'MIN' ? SIGRTMIN : SIGRTMAX) + offset;
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined;
}
