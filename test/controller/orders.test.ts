import process from 'node:process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PlanSettings } from '../../src/controller/core/reading/settings.ts';
import { parseState, STATE, type State } from '../../src/controller/core/reading/state.ts';
import { ApiServer, type Stored, type Written } from './api-server.ts';
import { ControllerDouble, SETTINGS } from './controller-double.ts';

/** The promises of the specification, over random orders of what can happen. */

const OBJECTS = ['a', 'b'];

const REFERS: Readonly<Record<string, readonly string[]>> = {
  ...{ u: ['a'], v: ['a'], w: ['a', 'b'], x: ['a'], y: ['b'], z: ['b'] },
};

const NAMES = Object.keys(REFERS);

type Op =
  | { readonly kind: 'put'; readonly object: string; readonly content: string | undefined }
  | { readonly kind: 'see'; readonly count: number }
  | { readonly kind: 'plan' | 'land' | 'refuse' | 'crash' | 'forget' }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'relabel' | 'resume' | 'take' | 'heal' | 'pause' | 'renew'; readonly name: string };

const name = fc.constantFrom(...NAMES);

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      object: fc.constantFrom(...OBJECTS),
      content: fc.constantFrom('one', 'two', 'three', 'bad 1', 'bad 2', undefined),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('see' as const), count: fc.nat(6) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('plan' as const, 'land' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('refuse', 'crash', 'forget') }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pass' as const), seconds: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('relabel', 'resume', 'take', 'heal', 'pause', 'renew'),
      name,
    }),
  },
) as fc.Arbitrary<Op>;

const stateOf = (stored: Pick<Stored, 'annotations'> | undefined) => parseState(stored?.annotations[STATE]);

/** A GitOps tool whose manifests have a digest. */
const TOOL = 'kustomize-controller';

/** Lives with the promises, and throws where one is broken. */
class World {
  readonly server = new ApiServer();
  controller: ControllerDouble;
  readonly settings: PlanSettings;
  readonly rolled: string[] = [];

  constructor(settings: PlanSettings) {
    this.settings = settings;
    for (const object of OBJECTS) this.server.put(object, 'one');
    for (const [workload, refers] of Object.entries(REFERS)) this.server.addWorkload(workload, refers);
    this.server.pass(20_000);
    this.controller = new ControllerDouble(this.server, settings);
    this.controller.settle();
    this.server.written.push((written) => this.check(written));
  }

  /** At the moment a write reaches the API server. */
  check({ name: workload, patch, before }: Written): void {
    const { state } = patch;
    const was = stateOf(before);
    if (state.phase !== 'rolling' || before.paused) return;
    this.rolled.push(workload);
    const rolling = [...this.server.workloads]
      .filter(
        ([other, stored]) => other !== workload && !stored.paused && stateOf(stored)?.phase === 'rolling',
      )
      .map(([other, stored]) => [other, stateOf(stored)] as const);
    // No roll-out without a difference, but where the annotation was taken away, replaced by a tool, or somebody said so.
    const isTools = !before.templateIsOurs && before.templateBy === TOOL && before.template !== was?.template;
    const isTaken = (before.template === undefined || isTools) && was?.template !== undefined;
    const isResumed = was?.phase === 'failed' && before.extra['rehup.dev/resumed-at'] !== undefined;
    if (was?.digest === state.digest && !isTaken && !isResumed)
      throw new Error(`${workload} rolled for nothing`);
    // Never more than allowed.
    if (rolling.length + 1 > this.settings.maxRollingTotal) throw new Error('too many in all');
    for (const object of state.changed) {
      const sharing = rolling.filter(([, other]) => other?.changed.includes(object));
      const isProven = [...this.server.workloads.values()].some((stored) => {
        const other = stateOf(stored);
        return other?.phase === 'applied' && other.parts[object] === state.parts[object];
      });
      const most = isProven ? this.settings.maxRolling : 1;
      if (sharing.length + 1 > most)
        throw new Error(`${workload} rolled for ${object} beside ${sharing.map(([other]) => other)}`);
      this.checkHalt(workload, object, state);
    }
  }

  /** None after a halt until the content changes or it is resumed. */
  checkHalt(workload: string, object: string, state: State): void {
    for (const [other, stored] of this.server.workloads) {
      const failed = stateOf(stored);
      if (other === workload || failed?.phase !== 'failed' || failed.broken === true) continue;
      if (!failed.changed.includes(object) || failed.parts[object] !== state.parts[object]) continue;
      const isResumed = [...this.server.workloads.values()].some(
        ({ extra }) => Date.parse(extra['rehup.dev/resumed-at'] ?? '') > failed.at,
      );
      if (!isResumed) throw new Error(`${workload} rolled for ${object}, which failed at ${other}`);
    }
  }

  do(op: Op): void {
    const { server, controller } = this;
    switch (op.kind) {
      case 'put':
        server.put(op.object, op.content);
        break;
      case 'see':
        controller.see(op.count);
        break;
      case 'plan':
        controller.plan();
        break;
      case 'land':
        controller.land();
        break;
      case 'refuse':
        controller.land('refused');
        break;
      case 'crash':
        // What was under way may have arrived, and nobody heard of it.
        controller.land();
        this.controller = new ControllerDouble(server, this.settings);
        break;
      case 'forget':
        this.controller = new ControllerDouble(server, this.settings);
        break;
      case 'pass':
        server.pass(op.seconds * 1000);
        break;
      case 'relabel':
        server.edit(op.name, () => {});
        break;
      case 'resume':
        server.edit(op.name, (stored) =>
          Object.assign(stored, { extra: { 'rehup.dev/resumed-at': new Date(server.now).toISOString() } }),
        );
        break;
      case 'take':
        server.edit(op.name, (stored) =>
          Object.assign(stored, { template: undefined, templateIsOurs: false }),
        );
        break;
      case 'heal':
        server.edit(op.name, (stored) =>
          Object.assign(stored, { template: 'v1.0.0', templateIsOurs: false, templateBy: TOOL }),
        );
        break;
      case 'pause':
        server.edit(op.name, (stored) => Object.assign(stored, { paused: !stored.paused }));
        break;
      case 'renew': {
        server.workloads.delete(op.name);
        server.change(`workload/${op.name}`);
        server.addWorkload(op.name, REFERS[op.name] ?? []);
        break;
      }
    }
  }

  /** Whether what it refers to failed elsewhere; what failed together with other content is not told from that. */
  isHalted({ refers }: Stored): boolean {
    return refers.some((object) => {
      const name = `configmap/${object}`;
      const digest = this.controller.store.objects.get(`shop/${name}`)?.object?.digest;
      return [...this.server.workloads.values()].some((other) => {
        const state = stateOf(other);
        return state?.phase === 'failed' && state.changed.includes(name) && state.parts[name] === digest;
      });
    });
  }

  /** When nothing happens any more, each is on what there is, or it is said why not. */
  end(): void {
    for (const object of OBJECTS) if (!this.server.objects.has(object)) this.server.put(object, 'last');
    this.controller.pass(700);
    const rolled = this.rolled.length;
    new ControllerDouble(this.server, this.settings).pass(40);
    if (this.rolled.length > rolled)
      throw new Error(`rolled at a start for nothing: ${this.rolled.slice(rolled)}`);
    for (const [workload, stored] of this.server.workloads) {
      const state = stateOf(stored);
      const present = this.controller.store.workloads.get(`Deployment/shop/${workload}`)?.state;
      expect(present?.digest, workload).toBe(state?.digest);
      if (stored.paused) continue;
      const isOn = stored.refers.every(
        (object) =>
          state?.parts[`configmap/${object}`] ===
          this.controller.store.objects.get(`shop/configmap/${object}`)?.object?.digest,
      );
      if (!isOn && !this.isHalted(stored))
        throw new Error(`${workload} was not rolled: ${JSON.stringify(state)}`);
      if (state?.phase === 'rolling') throw new Error(`${workload} rolls for ever`);
    }
  }
}

const RUNS = process.env['REHUP_SOAK'] === '1' ? 10_000 : 100;

test.each([
  ['one by one', { ...SETTINGS, maxRolling: 1, maxRollingTotal: 1 }],
  ['two at a time, three in all', SETTINGS],
  ['many at a time', { ...SETTINGS, maxRolling: 10, maxRollingTotal: 10 }],
])('no roll-out without a difference, none lost, none too many, none after a halt: %s', (_, settings) => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
      const world = new World(settings);
      for (const one of ops) world.do(one);
      world.end();
    }),
    { numRuns: RUNS },
  );
});
