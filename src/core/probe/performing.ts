import type { FileAnswer, FileRequest, Files } from '../files/files.ts';
import { createAsking, type Helpers } from '../files/remote/helpers.ts';
import { createRoutes } from '../files/remote/routes.ts';
import type { Drive } from '../jobs/conversation.ts';
import { exitCode, startFailureCode, startFailureReason } from '../process/exit.ts';
import type { Clock, Commands } from '../state/ports.ts';
import { bytesOfText, textOfBytes } from '../text/bytes.ts';
import { look } from './looking.ts';
import type { Probing, Verdict } from './probe.ts';

export type ProbePorts = {
  readonly files: Files;
  readonly helpers: Helpers;
  readonly clock: Clock;
  readonly commands: Commands;
  /** What leads an algorithm over files by who answers it. */
  readonly driveBy: (answering: Answering) => Drive;
};

type Answering = {
  perform(request: FileRequest, later: (answer: FileAnswer) => void): FileAnswer | undefined;
};

/** `out`: a byte string for stdout, which is what the kubelet shows of a probe. */
export type Probed = { readonly code: number; readonly out: string };

/** A writer that is seen at work is given so long, three times, ms: together less than the second a probe has by default. */
const AGAIN = 100;
const LOOKS = 4;

/** For so long a file server is waited for, ms: it is no reason to restart anything. */
const PATIENCE = 500;

/** Looks once, and tells once what came of it; the function that it returns is for the timers that it sets. */
export function performProbe(
  { files, helpers, clock, commands, driveBy }: ProbePorts,
  probing: Probing,
  environment: readonly string[],
  told: (probed: Probed) => void,
): (timer: string) => void {
  const asking = createAsking({
    helpers,
    now: clock.now,
    wake: (delay) => clock.setTimer('server', delay),
    soon: clock.soon,
    answering: () => {},
  });
  const routes = createRoutes(files, asking);
  let looks = 0;

  function begin(): void {
    looks += 1;
    driveBy(routes.begin(PATIENCE))(look(probing, looks === LOOKS), (looked) => {
      if (looked.again) clock.setTimer('probe', AGAIN);
      else if (probing.and === undefined) told(printed(looked.verdict));
      else ask(probing.and, looked.verdict);
    });
  }

  /** The probe that the application had: its exit code counts first. */
  function ask(words: readonly string[], verdict: Verdict): void {
    let output = '';
    const { out, code } = printed(verdict);
    commands.run(words, environment, {
      wrote(piece) {
        output = (output + piece).slice(-MOST_OUTPUT);
      },
      exited(status) {
        const own = exitCode(status);
        told({ code: own === 0 ? code : own, out: output + out });
      },
      failed(errno) {
        const line = `--and ${textOfBytes(words[0] ?? '')}: ${startFailureReason(errno)}\n`;
        told({ code: startFailureCode(errno), out: bytesOfText(line) + out });
      },
    });
  }

  begin();
  return (timer) => {
    if (timer === 'server') asking.due();
    else begin();
  };
}

/** Of a probe's output the kubelet shows less than this, bytes. */
const MOST_OUTPUT = 8 * 1024;

function printed({ code, line }: Verdict): Probed {
  return { code, out: bytesOfText(`rehup probe: ${line}\n`) };
}
