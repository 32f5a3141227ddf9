import type { ExitStatus } from '../process/exit.ts';
import type { Endpoint, HttpEndpoint } from '../text/endpoint.ts';

/** What is done beside the child, one process or connection each: checks, `exec:` and HTTP actions, ready probes. */
export type Task =
  | {
      readonly kind: 'command';
      readonly words: readonly string[];
      /** `NAME=value` entries, byte strings. */
      readonly environment: readonly string[];
      /** Paths that it finds, one a line, in a file that is open at descriptor 3. */
      readonly changed?: readonly string[];
    }
  | { readonly kind: 'http'; readonly method: 'GET' | 'POST'; readonly endpoint: HttpEndpoint }
  /** A POST of which what is answered matters as well. */
  | {
      readonly kind: 'post';
      readonly endpoint: HttpEndpoint;
      /** Header fields besides those of any request. */
      readonly fields: readonly string[];
      /** A byte string. */
      readonly body: string;
      /** A file with a token that is sent along (RFC 6750, 2.1), read anew each time. */
      readonly token: string | undefined;
    }
  | { readonly kind: 'tcp'; readonly endpoint: Endpoint };

/** Of a command's output the last bytes are kept, as many as these. */
export const OUTPUT_KEPT = 4 * 1024;

/** How a job ended. */
export type JobOutcome =
  /** A command; `output`: the last 4 KiB that it wrote to stdout and stderr, a byte string. */
  | { readonly kind: 'exited'; readonly status: ExitStatus; readonly output: string }
  /** An HTTP server's status line came: its status code; of a `post` that was not answered by 200 the body, a byte string. */
  | { readonly kind: 'answered'; readonly status: number; readonly body?: string }
  /** A TCP connection was accepted. */
  | { readonly kind: 'connected' }
  /** It could not be begun, or nothing answered; why, in words and with the errno. */
  | { readonly kind: 'failed'; readonly reason: string };
