import type { Signal } from './signals.ts';

/** What files of proc(5) tell, for a host to read. */

/** Whether a process has a handler for a signal: `SigCgt` of proc_pid_status(5); undefined if the text does not tell. */
export function catchesSignal(status: string, signal: Signal): boolean | undefined {
  const mask = /^SigCgt:\s*([0-9a-f]{16})$/m.exec(status)?.[1];
  if (mask === undefined) return undefined;
  // Bit 0 is signal 1, and the last of the 16 digits holds bits 0 to 3.
  const digit = Number.parseInt(mask.charAt(15 - ((signal - 1) >> 2)), 16);
  return ((digit >> ((signal - 1) & 3)) & 1) === 1;
}

/** Whether a process is in a group and no zombie: proc_pid_stat(5). Its fields stand behind the command, which may hold anything. */
export function isLiveMember(stat: string, group: number): boolean {
  const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(processGroup) === group && state !== 'Z' && state !== 'X';
}

/** Whether a name in /proc is that of a process. */
export function isProcess(name: string): boolean {
  return /^\d+$/.test(name);
}
