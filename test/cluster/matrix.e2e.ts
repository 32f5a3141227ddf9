import { describe, test } from 'vitest';
import { inRoom } from './client/room.ts';
import { ACTIONS } from './matrix/actions.ts';
import { BESIDE } from './matrix/beside.ts';
import { GATE } from './matrix/gate.ts';
import { LIVES } from './matrix/lives.ts';
import { TIMING } from './matrix/timing.ts';
import { VOLUMES } from './matrix/volumes.ts';

/** Each situation as a real pod; all of them at once. */

const TIMES = process.env['REHUP_SOAK'] === '1' ? 5 : 1;

describe.concurrent('on a real Kubernetes', () => {
  for (const row of [...LIVES, ...GATE, ...ACTIONS, ...VOLUMES, ...TIMING, ...BESIDE]) {
    for (const edition of row.editions ?? ['static'])
      for (let time = 1; time <= TIMES; time += 1)
        test(`${row.name} (${edition}${TIMES > 1 ? `, ${time}` : ''})`, () =>
          inRoom(row.name, edition, row.run, row.labels));
  }
});
