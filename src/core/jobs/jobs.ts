import { isFailure } from '../files/files.ts';
import type { Programs } from '../files/remote/programs.ts';
import { startFailureReason } from '../process/exit.ts';
import { type JobOutcome, OUTPUT_KEPT, type Task } from '../state/job.ts';
import type { CommandReports, Commands, Names, Network } from '../state/ports.ts';
import { createAnswerReader } from './answer.ts';
import { changedFile, isRefused, isShortenable, withoutFile, withoutPaths } from './changed.ts';
import { type ConversationPorts, converse, type Drive } from './conversation.ts';
import { httpRequest } from './http.ts';
import { readToken } from './token.ts';

/*
 * Room `jobs/`: what is done beside the child: commands, HTTP calls, connections, and what comes of them. May not know what
 * they are for.
 */

/** What is done beside the child, each thing by a number of its own. */
export type Jobs = {
  begin(job: number, task: Task): void;
  /** Ends a job with all that it started, at once; nothing is told of it any more. */
  cancel(job: number): void;
};

/** Finds out whether what a command is started from answers; undefined: all of that is local. */
export type Reach = (
  words: readonly string[],
  environment: readonly string[],
  told: (programs: Programs | undefined) => void,
) => void;

export type JobOptions = {
  readonly commands: Commands;
  readonly network: Network;
  readonly names: Names;
  readonly drive: Drive;
  readonly reach: Reach;
  /** Called when a job has ended by itself. */
  readonly ended: (job: number, outcome: JobOutcome) => void;
};

/** Makes jobs out of commands and connections. */
export function createJobs({ commands, network, names, drive, reach, ended }: JobOptions): Jobs {
  const cancels = new Map<number, () => void>();

  function perform(task: Task, told: (outcome: JobOutcome) => void): () => void {
    switch (task.kind) {
      case 'command':
        return runCommand({ commands, drive, reach }, task, told);
      case 'http':
        return converse(
          { network, names, drive },
          task.endpoint,
          httpRequest(task.method, task.endpoint),
          told,
        );
      case 'post':
        return post({ network, names, drive }, task, told);
      case 'tcp':
        return converse({ network, names, drive }, task.endpoint, undefined, told);
      default:
        return task satisfies never;
    }
  }

  return {
    begin(job, task) {
      let over = false;
      const cancel = perform(task, (outcome) => {
        over = true;
        cancels.delete(job);
        ended(job, outcome);
      });
      // Where no file and no connection is needed to know the end, it was told already.
      if (!over) cancels.set(job, cancel);
    },
    cancel(job) {
      cancels.get(job)?.();
      cancels.delete(job);
    },
  };
}

function post(
  ports: ConversationPorts,
  { endpoint, fields, body, token }: Extract<Task, { kind: 'post' }>,
  told: (outcome: JobOutcome) => void,
): () => void {
  function send(all: readonly string[]): () => void {
    return converse(ports, endpoint, httpRequest('POST', endpoint, all, body), told, createAnswerReader());
  }
  if (token === undefined) return send(fields);
  let over = false;
  let cancel: (() => void) | undefined;
  ports.drive(readToken(token), (read) => {
    if (over) return;
    if (read.ok) cancel = send([...fields, `Authorization: Bearer ${read.value}`]);
    else told({ kind: 'failed', reason: read.error });
  });
  return () => {
    over = true;
    cancel?.();
  };
}

function runCommand(
  { commands, drive, reach }: Pick<JobOptions, 'commands' | 'drive' | 'reach'>,
  { words, environment: given, changed }: Extract<Task, { kind: 'command' }>,
  told: (outcome: JobOutcome) => void,
): () => void {
  let environment = given;
  let output = '';
  let cancelled = false;
  let kill: (() => void) | undefined;
  const reports: CommandReports = {
    wrote(bytes) {
      output += bytes;
      // Now and then, so that a command that writes byte by byte is not copied 4,000 times.
      if (output.length > 2 * OUTPUT_KEPT) output = output.slice(-OUTPUT_KEPT);
    },
    exited: (status) => told({ kind: 'exited', status, output: output.slice(-OUTPUT_KEPT) }),
    failed(errno) {
      // What rehup itself adds to a large environment must not be what is too much.
      if (errno === 'E2BIG' && isShortenable(environment)) {
        environment = withoutPaths(environment);
        begin();
      } else told({ kind: 'failed', reason: `can't be started: ${startFailureReason(errno)}` });
    },
  };
  function run(files?: readonly string[]): void {
    if (changed === undefined) {
      kill = commands.run(words, environment, reports, undefined, files);
      return;
    }
    drive(
      changedFile(changed, () => cancelled),
      (file) => {
        if (file === undefined) return;
        if (isFailure(file) && isRefused(file))
          kill = commands.run(words, withoutFile(environment), reports, undefined, files);
        else if (isFailure(file)) {
          const reason = startFailureReason(file.errno);
          told({
            kind: 'failed',
            reason: `can't be started: ${file.failed} of ${file.path} failed: ${reason}`,
          });
        } else kill = commands.run(words, environment, reports, file, files);
      },
    );
  }
  function begin(): void {
    reach(words, environment, (programs) => {
      if (cancelled) return;
      if (programs !== undefined && 'errno' in programs) reports.failed(programs.errno);
      else run(programs?.files);
    });
  }
  begin();
  return () => {
    cancelled = true;
    kill?.();
  };
}
