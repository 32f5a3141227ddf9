import type { Ready } from '../core/state/settings.ts';
import { BY_COMMAND, parseHttp, parseTcp } from '../core/text/endpoint.ts';
import { failure, type Result, success } from '../core/text/result.ts';
import { splitWords } from '../core/text/words.ts';

const EXEC = 'exec:';
const NOTIFY_FD = 'notify-fd:';

/** The TARGET of `--ready`. */
export function parseReady(text: string): Result<Ready> {
  return parseTarget(text, BY_COMMAND);
}

function parseTarget(text: string, otherwise: string): Result<Ready> {
  if (/^https?:\/\//.test(text)) {
    const endpoint = parseHttp(text, otherwise);
    return endpoint.ok ? success({ kind: 'http', endpoint: endpoint.value }) : endpoint;
  }
  if (text.startsWith('tcp://')) {
    const endpoint = parseTcp(text);
    return endpoint.ok ? success({ kind: 'tcp', endpoint: endpoint.value }) : endpoint;
  }
  if (text.startsWith(EXEC)) {
    const words = splitWords(text.slice(EXEC.length));
    return words.ok ? success({ kind: 'exec', words: words.value }) : words;
  }
  if (text === 'notify') return success({ kind: 'notify' });
  if (text.startsWith(NOTIFY_FD)) return parseDescriptor(text.slice(NOTIFY_FD.length));
  return failure(
    'not a target; use http://HOST:PORT/PATH, tcp://HOST:PORT, exec:COMMAND, notify or notify-fd:N',
  );
}

/** 0 to 2 are the child's own; beyond the highest no limit on open files is usual (`ulimit -n`: 1024). */
const FIRST_DESCRIPTOR = 3;
const LAST_DESCRIPTOR = 1023;

function parseDescriptor(text: string): Result<Ready> {
  const descriptor = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return descriptor >= FIRST_DESCRIPTOR && descriptor <= LAST_DESCRIPTOR
    ? success({ kind: 'notify-fd', descriptor })
    : failure(
        `not a descriptor from ${FIRST_DESCRIPTOR} to ${LAST_DESCRIPTOR}; use for example notify-fd:${FIRST_DESCRIPTOR}`,
      );
}

/** The TARGET of `--health`: what the kubelet asked as a livenessProbe, by httpGet or tcpSocket. */
export function parseHealth(text: string): Result<Extract<Ready, { kind: 'http' | 'tcp' }>> {
  const ready = parseTarget(text, '');
  if (!ready.ok && /^https?:/.test(text)) return ready;
  if (ready.ok && ready.value.kind === 'http') return success({ ...ready.value, lenient: true });
  if (ready.ok && ready.value.kind === 'tcp') return success(ready.value);
  return failure(
    'not a health check that can be asked from here; use http://HOST:PORT/PATH or tcp://HOST:PORT',
  );
}
