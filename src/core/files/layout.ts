import { type Directory, inspect, listSome, MOST_NAMES, readLink } from './below/handles.ts';
import { type FileFailure, type FileSteps, isFailure } from './files.ts';
import { DATA_LINK, isApart } from './volume.ts';

/**
 * The target of a stage: laid out as the kubelet lays out a volume, with generations named `..rehup_N`. Beside `..data`
 * there may be `..good`, a link to the last good generation; each link has a name that it is made under before it is
 * renamed onto its place.
 */
export const GOOD_LINK = '..good';

/** By the link, the name under which it is made. */
export const TEMPORARY = {
  [DATA_LINK]: '..data_tmp',
  [GOOD_LINK]: '..good_tmp',
} as const;

/** The link by which `..data` can be put back without any room on the file system, while a publication is under way. */
export const BACK_LINK = '..back_tmp';

/** What is remembered of a target, and the name that it is written under. */
export const RECORD = '..record';
export const RECORD_TEMPORARY = '..record_tmp';

export const GENERATION_PREFIX = '..rehup_';

/** Numbers of generations have 15 digits at most; after the last one comes 1. */
const LAST_NUMBER = 999_999_999_999_999;

/** The number of a generation by its name; undefined for any other name. */
export function generationNumber(name: string): number | undefined {
  const digits = /^\.\.rehup_([1-9][0-9]{0,14})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * The name of the generation that comes after one; the first one after none. Where others have taken that, the next one
 * is tried: neither the count nor the numbers of names that they put into a target matter.
 */
export function nextGeneration(name: string | undefined): string {
  const number = name === undefined ? 0 : (generationNumber(name) ?? 0);
  return `${GENERATION_PREFIX}${number >= LAST_NUMBER ? 1 : number + 1}`;
}

/** The link through which a first-level name of a generation is seen. */
export function keyTarget(name: string): string {
  return `${DATA_LINK}/${name}`;
}

/** What lies in a target. */
export type Layout = {
  /** Names of generations, whole or not; of very many, some. */
  readonly generations: readonly string[];
  /** The generations that the links name. */
  readonly active: string | undefined;
  readonly good: string | undefined;
  /** Links of which only a crash leaves any, and links to generations that are gone. */
  readonly remains: readonly string[];
};

/** Something in a target that is not of a stage. */
export type Foreign = { readonly foreign: string; readonly what: string };

const NOT_OURS = 'was not put there by --stage';

/** So many generations are told of: more than a rehup ever leaves. */
const MOST_GENERATIONS = 1_000;

/** Reads the layout of a target without changing anything. */
export function* readLayout(target: Directory): FileSteps<Layout | Foreign | FileFailure> {
  const generations: string[] = [];
  const links = new Map<string, string>();
  let keys = 0;
  for (let anew = true; ; anew = false) {
    const some = yield* listSome(target, anew);
    if (isFailure(some)) return some;
    if (some.length === 0) break;
    for (const name of some) {
      if (generationNumber(name) !== undefined) {
        const generation = yield* inspect(target, name);
        if (isFailure(generation)) {
          if (generation.errno === 'ENOENT') continue;
          return generation;
        }
        if (generation.kind !== 'directory') return { foreign: name, what: 'is no directory' };
        if (generations.length < MOST_GENERATIONS) generations.push(name);
      } else if (!isBeside(name)) {
        const leads = yield* readLink(target, name);
        if (isFailure(leads)) {
          if (leads.errno === 'ENOENT') continue;
          return leads.errno === 'EINVAL' ? { foreign: name, what: NOT_OURS } : leads;
        }
        if (!isApart(name)) {
          if (leads !== keyTarget(name)) return { foreign: name, what: NOT_OURS };
          keys += 1;
          if (keys > MOST_NAMES) return { foreign: name, what: `is one of more than ${MOST_NAMES} names` };
        } else {
          if (!isOwnLink(name) || generationNumber(leads) === undefined) {
            return { foreign: name, what: NOT_OURS };
          }
          links.set(name, leads);
        }
      }
    }
  }
  const active = links.get(DATA_LINK);
  const good = links.get(GOOD_LINK);
  const remains = [...links.keys()].filter((link) => link !== DATA_LINK && link !== GOOD_LINK);
  return { generations: generations.sort(), active, good, remains };
}

/** What may lie beside a layout. */
function isBeside(name: string): boolean {
  return name === 'lost+found' || name === RECORD || name === RECORD_TEMPORARY;
}

function isOwnLink(name: string): boolean {
  return [DATA_LINK, GOOD_LINK, BACK_LINK, ...Object.values(TEMPORARY)].includes(name);
}
