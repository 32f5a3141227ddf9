import { joinPath } from '../text/path.ts';
import { type FileFailure, type FileSteps, isFailure, names, readlink, status } from './files.ts';
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

export const GENERATION_PREFIX = '..rehup_';

/** Numbers of generations have 15 digits at most; after the last one comes 1. */
const LAST_NUMBER = 999_999_999_999_999;

/** The number of a generation by its name; undefined for any other name. */
export function generationNumber(name: string): number | undefined {
  const digits = /^\.\.rehup_([1-9][0-9]{0,14})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * The name of a generation that comes after the active one: the next that is free.
 *
 * @param found names in the target, which others may have put there, however many and with whatever numbers
 */
export function nextGeneration(active: string | undefined, found: readonly string[]): string {
  const taken = new Set(found);
  let number = active === undefined ? 0 : (generationNumber(active) ?? 0);
  let name: string;
  do {
    number = number >= LAST_NUMBER ? 1 : number + 1;
    name = `${GENERATION_PREFIX}${number}`;
  } while (taken.has(name));
  return name;
}

/** Whether one number comes after another: less than half way round, since 1 comes after the last one. */
export function isNewer(number: number, other: number): boolean {
  const ahead = (number - other + LAST_NUMBER) % LAST_NUMBER;
  return ahead > 0 && ahead < LAST_NUMBER / 2;
}

/** The link through which a first-level name of a generation is seen. */
export function keyTarget(name: string): string {
  return `${DATA_LINK}/${name}`;
}

/** What lies in a target. */
export type Layout = {
  /** Names of generations, whole or not. */
  readonly generations: readonly string[];
  /** The generations that the links name, if they are there. */
  readonly active: string | undefined;
  readonly good: string | undefined;
  /** Links of which only a crash leaves any, and links to generations that are gone. */
  readonly remains: readonly string[];
  /** First-level names that the application sees, dangling ones too. */
  readonly keys: ReadonlySet<string>;
};

/** Something in a target that is not of a stage. */
export type Foreign = { readonly foreign: string; readonly what: string };

/** Reads the layout of a target without changing anything. */
export function* readLayout(target: string): FileSteps<Layout | Foreign | FileFailure> {
  const found = yield* names(target);
  if (isFailure(found)) return found;
  const generations: string[] = [];
  const remains: string[] = [];
  const keys = new Set<string>();
  const links = new Map<string, string>();
  for (const name of [...found].sort()) {
    const path = joinPath(target, name);
    if (generationNumber(name) !== undefined) {
      const generation = yield* status(path, false);
      if (isFailure(generation)) return generation;
      if (generation.kind !== 'directory') return { foreign: name, what: 'is no directory' };
      generations.push(name);
    } else if (name !== 'lost+found') {
      const leads = yield* readlink(path);
      if (isFailure(leads)) {
        if (leads.errno === 'EINVAL') return { foreign: name, what: 'was not put there by --stage' };
        return leads;
      }
      if (!isApart(name)) {
        if (leads !== keyTarget(name)) return { foreign: name, what: 'was not put there by --stage' };
        keys.add(name);
      } else {
        if (!isOwnLink(name) || generationNumber(leads) === undefined) {
          return { foreign: name, what: 'was not put there by --stage' };
        }
        links.set(name, leads);
      }
    }
  }
  function there(link: string): string | undefined {
    const leads = links.get(link);
    return leads !== undefined && generations.includes(leads) ? leads : undefined;
  }
  const active = there(DATA_LINK);
  const good = there(GOOD_LINK);
  for (const link of links.keys()) {
    const used = (link === DATA_LINK && active !== undefined) || (link === GOOD_LINK && good !== undefined);
    if (!used) remains.push(link);
  }
  return { generations, active, good, remains, keys };
}

function isOwnLink(name: string): boolean {
  return [DATA_LINK, GOOD_LINK, BACK_LINK, ...Object.values(TEMPORARY)].includes(name);
}
