import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { type ControllerSettings, parseController } from '../../cli/commands/controller.ts';
import type { Given } from '../../cli/invocation.ts';
import { refusalLine } from '../../core/log/printable.ts';
import { EXIT_FAILED } from '../../core/process/exit.ts';
import { control } from './control.ts';

/**
 * `rehup controller`, in a worker of the Node edition: the heap of a PID 1 is kept small, and this needs more. What it was
 * given stands in its data; a message from the main thread asks it to end.
 */

type Data = Pick<Given, 'words' | 'cwd' | 'terminal' | 'version'> & {
  readonly environment: ReadonlyMap<string, string>;
  readonly columns: number | undefined;
};

const data = workerData as Data;

main();

function main(): undefined {
  const invocation = parseController({ ...data, columns: () => data.columns });
  switch (invocation.kind) {
    case 'print':
      writeSync(1, invocation.text);
      return process.exit(0);
    case 'refuse':
      return refuse(invocation.message);
    case 'control':
      void begin(invocation.settings);
      return undefined;
  }
}

async function begin(settings: ControllerSettings): Promise<void> {
  const identity = `${hostname()}_${randomUUID().slice(0, 8)}`;
  try {
    const stop = await control(settings, identity, data.version);
    parentPort?.on('message', () => void stop().finally(() => process.exit(0)));
  } catch (error) {
    refuse(`controller: ${error instanceof Error ? error.message : error}`);
  }
}

function refuse(message: string): never {
  writeSync(2, refusalLine(message));
  return process.exit(EXIT_FAILED);
}
