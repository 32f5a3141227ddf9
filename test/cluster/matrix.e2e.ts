import { describe, test } from 'vitest';
import { inRoom } from './client/room.ts';
import { ACTIONS } from './matrix/actions.ts';
import { BESIDE } from './matrix/beside.ts';
import { ENDED } from './matrix/ended.ts';
import { GATE } from './matrix/gate.ts';
import { HEALTH } from './matrix/health.ts';
import { INJECTED } from './matrix/injected.ts';
import { LIVES } from './matrix/lives.ts';
import { MENDED } from './matrix/mended.ts';
import { PROJECTIONS } from './matrix/projected.ts';
import { RESTARTED } from './matrix/restarted.ts';
import { TIMING } from './matrix/timing.ts';
import { TOLD_APART } from './matrix/told-apart.ts';
import { UNTOUCHED } from './matrix/untouched.ts';
import { VOLUMES } from './matrix/volumes.ts';

/** Each situation as a real pod; all of them at once. */

const ROWS = [
  ...LIVES,
  ...GATE,
  ...ACTIONS,
  ...VOLUMES,
  ...PROJECTIONS,
  ...MENDED,
  ...TIMING,
  ...BESIDE,
  ...INJECTED,
  ...UNTOUCHED,
  ...RESTARTED,
  ...ENDED,
  ...HEALTH,
  ...TOLD_APART,
];

const ROUNDS = process.env['REHUP_SOAK'] === '1' ? 5 : 1;

for (let round = 1; round <= ROUNDS; round += 1) {
  describe(`round ${round}`, () => {
    for (const row of ROWS)
      for (const edition of row.editions ?? ['static'])
        test.concurrent(`${row.name} (${edition})`, () => inRoom({ ...row, edition }, row.run));
  });
}
