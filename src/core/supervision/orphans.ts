import type { LogLine } from '../log/log.ts';
import { describeStatus, type ExitStatus, exitCode } from '../process/exit.ts';

/** The line that tells of a process that was left to rehup and has ended, as tini's `-w` tells of it. */
export function orphanLine(pid: number, status: ExitStatus): LogLine {
  const message = `orphan ${pid} ${describeStatus(status)}`;
  return { level: 'debug', event: 'orphan.reaped', message, fields: { pid, code: exitCode(status) } };
}
