import type { Drive } from '../jobs/conversation.ts';
import type { Clock, Network } from '../state/ports.ts';
import { textOfBytes } from '../text/bytes.ts';
import { findSockets, SOCKET_BASES } from './socket.ts';

/* One request to the running rehup, over its control socket. */

/** What is asked, and where; without a socket the one of this container is looked for. */
export type Question = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly socket: string | undefined;
  /** For how long an answer is waited for, ms; undefined: for ever. */
  readonly timeout: number | undefined;
  /** The user that asks. */
  readonly uid: number;
};

export type Answer =
  | { readonly kind: 'answered'; readonly code: number; readonly body: string }
  /** Nobody answers; why, and where was looked. */
  | { readonly kind: 'failed'; readonly reason: string };

export type ClientPorts = { readonly network: Network; readonly drive: Drive; readonly clock: Clock };

/** More than any answer is. */
const MOST_ANSWER = 4 * 1024 * 1024;

/** Asks, and tells once what came of it. */
export function ask(
  { network, drive, clock }: ClientPorts,
  question: Question,
  told: (answer: Answer) => void,
): () => void {
  const { socket, method, path, uid } = question;
  let over = false;

  function end(answer: Answer): void {
    if (over) return;
    over = true;
    clock.clearTimer('action-timeout');
    told(answer);
  }

  function tryNext(paths: readonly string[], refusals: readonly string[]): void {
    const [place, ...others] = paths;
    if (place === undefined) {
      end({ kind: 'failed', reason: nobody(refusals) });
      return;
    }
    let answer = '';
    let connected = false;
    const connection = network.connectLocal(place, {
      connected(peer) {
        // One that somebody else put there could tell anything.
        if (peer !== uid && peer !== 0 && uid !== 0) {
          connection.close();
          tryNext(others, [...refusals, `${textOfBytes(place)}: user ${peer} listens there`]);
          return;
        }
        connected = true;
        connection.send(
          `${method} ${path} HTTP/1.1\r\nHost: rehup\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        );
      },
      received(bytes) {
        answer += bytes;
        if (answer.length > MOST_ANSWER) {
          connection.close();
          end({ kind: 'failed', reason: `${textOfBytes(place)}: what answers is no rehup` });
        }
      },
      ended: () => end(answerIn(answer, place)),
      failed(errno) {
        if (connected)
          end({ kind: 'failed', reason: `${textOfBytes(place)}: ${errno} before there was an answer` });
        else tryNext(others, [...refusals, `${textOfBytes(place)}: ${errno}`]);
      },
    });
  }

  if (question.timeout !== undefined) clock.setTimer('action-timeout', question.timeout);
  if (socket !== undefined) tryNext([socket], []);
  else drive(findSockets(), (paths) => tryNext(paths, []));
  return () => end({ kind: 'failed', reason: `no answer within ${question.timeout} ms` });
}

function nobody(refusals: readonly string[]): string {
  if (refusals.length > 0) return `nobody answers: ${refusals.join(', ')}`;
  return `no rehup of this container has a socket in ${SOCKET_BASES.join(', ')}; name it with --socket`;
}

function answerIn(answer: string, place: string): Answer {
  const [, code, body] = /^HTTP\/1\.\d (\d{3})[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n(.*)$/s.exec(answer) ?? [];
  if (code === undefined)
    return { kind: 'failed', reason: `${textOfBytes(place)}: closed without an answer` };
  return { kind: 'answered', code: Number(code), body: body ?? '' };
}
