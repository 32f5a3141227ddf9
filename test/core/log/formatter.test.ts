import { describe, expect, test } from 'vitest';
import { createLineWriter, prettyFormatter, telling } from '../../../src/core/log/formatter.ts';
import { JSON_SHAPES, jsonLine } from '../../../src/core/log/json.ts';
import type { LogLine } from '../../../src/core/log/log.ts';

/** Lines to a log that may take a part of them, or nothing (specification 2.8). */

/** A log that takes so many bytes, and what it took; 0 for good: undefined is "not now". */
function logThatTakes(room: number) {
  const log = { room, text: '', broken: false };
  return {
    log,
    writer: createLineWriter((bytes) => {
      if (log.broken) return 0;
      if (log.room === 0) return undefined;
      const taken = bytes.slice(0, log.room);
      log.room -= taken.length;
      log.text += taken;
      return taken.length;
    }),
  };
}

describe('a line', () => {
  test('of which a part was taken is finished before the next one, so that none is torn', () => {
    const { log, writer } = logThatTakes(4);
    writer.write('first\n');
    expect(log.text).toBe('firs');
    writer.write('lost\n');
    log.room = 100;
    writer.write('second\n');
    expect(log.text).toBe('first\nsecond\n');
    expect(writer.dropped()).toBe(1);
  });

  test('is written as UTF-8', () => {
    const { log, writer } = logThatTakes(100);
    writer.write('ä☃\n');
    expect(log.text).toBe('\xc3\xa4\xe2\x98\x83\n');
  });

  test('to a log that is closed is dropped, and so is the rest of one that was begun', () => {
    const { log, writer } = logThatTakes(2);
    writer.write('first\n');
    log.broken = true;
    writer.write('second\n');
    expect(writer.dropped()).toBe(1);
    log.broken = false;
    log.room = 100;
    writer.write('third\n');
    expect(log.text).toBe('fithird\n');
  });
});

describe('dropped lines', () => {
  const line: LogLine = { level: 'info', event: 'child.started', message: 'x', fields: {} };

  test('are told of with their number, once something reads again, and once', () => {
    const { log, writer } = logThatTakes(0);
    const write = telling(prettyFormatter('info', false, writer), writer);
    for (let count = 0; count < 5; count++) write(line, 0);
    log.room = 10_000;
    write(line, 0);
    expect(log.text.split('\n')).toEqual([
      '00:00:00.000Z INFO  child.started: x',
      '00:00:00.000Z WARN  log.dropped: 5 lines were dropped: nothing read them count=5',
      '',
    ]);
    write(line, 0);
    expect(log.text.match(/log\.dropped/g)).toHaveLength(1);
  });

  test('below the level are no loss', () => {
    const { writer } = logThatTakes(0);
    const write = telling(prettyFormatter('error', false, writer), writer);
    write(line, 0);
    expect(writer.dropped()).toBe(0);
  });
});

describe('a line of JSON', () => {
  const line: LogLine = {
    level: 'warn',
    event: 'watch.stale',
    message: 'a text for people',
    fields: { ms: 12, paths: ['/v/a'], digests: { '/v': '0123456789ab' } },
  };

  test('has the level as a word, the time in UTC, and fields of their own types', () => {
    expect(JSON.parse(jsonLine(line, 1_500, JSON_SHAPES.json))).toEqual({
      level: 'warn',
      time: '1970-01-01T00:00:01.500Z',
      name: 'rehup',
      event: 'watch.stale',
      ms: 12,
      paths: ['/v/a'],
      digests: { '/v': '0123456789ab' },
      msg: 'a text for people',
    });
  });

  test('for Google Cloud has severity and message in their places', () => {
    const severities = (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const).map((level) => {
      const { severity, message, msg } = JSON.parse(jsonLine({ ...line, level }, 0, JSON_SHAPES.gcp));
      expect([message, msg]).toEqual(['a text for people', undefined]);
      return severity;
    });
    expect(severities).toEqual(['DEBUG', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']);
  });
});
