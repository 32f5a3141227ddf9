/* What comes of the events that a child and a sidecar both know, in phases that do not name them. */

/** In most phases most can't come. */
export const SHARED_NOWHERE = {
  begin: 'impossible',
  signal: 'impossible',
  content: 'ignored',
  unusable: 'impossible',
  'may-start': 'impossible',
  'nothing-to-start': 'impossible',
  ready: 'ignored',
  'not-ready': 'ignored',
  'stop-child': 'impossible',
  'timer:verify-start': 'impossible',
  'timer:start': 'impossible',
  'timer:group': 'impossible',
  'timer:parting': 'impossible',
} as const;

/** What is left of a life that is over matters no more. */
export const SHARED_OVER = {
  signal: 'ignored',
  unusable: 'ignored',
  'may-start': 'ignored',
  'nothing-to-start': 'ignored',
  'stop-child': 'ignored',
  'timer:verify-start': 'ignored',
  'timer:start': 'ignored',
  'timer:group': 'ignored',
} as const;
