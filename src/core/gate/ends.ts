import type { Passage, Refusal } from '../state/passage.ts';
import { type State, withGate } from '../state/state.ts';
import type { Turn } from '../state/turn.ts';

/* How content leaves the gate: published, refused, or overtaken by what came after it. */

/** Lets the application see the new generations; where there are none the content has passed. */
export function publish(state: State, passage: Passage, turn: Turn): State {
  const { staged = [] } = state.gate;
  const generations = staged.flatMap(({ stage }) => {
    const generation = passage.generations.get(stage.source);
    return generation === undefined ? [] : [{ stage, name: generation.name }];
  });
  if (generations.length === 0) {
    turn.notices.push({ type: 'gate-passed', passage });
    return withGate(state, { transit: { phase: 'closed' } });
  }
  const job = state.jobs + 1;
  turn.effects.push({ type: 'stage', job, task: { op: 'publish', generations } });
  return withGate(
    { ...state, jobs: job },
    {
      transit: { phase: 'publishing', passage, job },
      publishing: { job, generations: passage.generations },
    },
  );
}

/** The content is not let through. */
export function refuse(state: State, passage: Passage, refusal: Refusal, turn: Turn): State {
  turn.notices.push({ type: 'gate-refused', passage, refusal });
  return withGate(state, { transit: { phase: 'closed' } });
}

/**
 * What was copied is not what was seen: it has changed meanwhile.
 *
 * @param lost the source that has no file any more, if one has none
 */
export function overtaken(state: State, passage: Passage, lost: string | undefined, turn: Turn): State {
  turn.notices.push({ type: 'gate-overtaken', passage, lost });
  return withGate(state, { transit: { phase: 'closed' } });
}
