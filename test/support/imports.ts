import { dirname, join, normalize } from 'node:path/posix';

/** A module by its path from the repository's root, and its text. */
export type Sources = ReadonlyMap<string, string>;

/** What a module imports: a path from the root for its own kind, else the specifier as it is. */
export function importsOf(file: string, text: string): readonly string[] {
  const specifiers = [
    ...text.matchAll(/^\s*(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/gm),
    ...text.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm),
    ...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g),
    ...text.matchAll(/\brequire\(\s*['"]([^'"]+)['"]/g),
  ].map(([, specifier = '']) => specifier);
  return specifiers.map((specifier) =>
    specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier,
  );
}

/** Packages that the command line may use: pure JavaScript that runs on any engine. */
const CLI_PACKAGES = ['commander'];

/** The rooms that a room may import from (architecture: Walls), and the packages; hosts are not listed, they may use any. */
function allowed(room: string, imported: string, file: string): boolean {
  const isOwn = imported.startsWith('src/');
  // The controller has a core of its own, as pure as the other.
  if (file.startsWith('src/controller/core/'))
    return imported.startsWith('src/core/') || imported.startsWith('src/controller/core/');
  switch (room) {
    case 'core':
      return imported.startsWith('src/core/');
    case 'cli':
      return (
        imported.startsWith('src/core/') || imported.startsWith('src/cli/') || CLI_PACKAGES.includes(imported)
      );
    default:
      // A host: only its main may wire it to the core's engine, and no host knows another.
      if (imported === 'src/core/engine.ts') return file === `src/${room}/main.ts`;
      return !isOwn || ['core', 'cli', room].some((other) => imported.startsWith(`src/${other}/`));
  }
}

/** Every import that goes through a wall, as `file → import`. */
export function breaches(sources: Sources): readonly string[] {
  return [...sources].flatMap(([file, text]) => {
    const room = file.split('/')[1] ?? '';
    return importsOf(file, text)
      .filter((imported) => !allowed(room, imported, file))
      .map((imported) => `${file} → ${imported}`);
  });
}
