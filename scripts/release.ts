/**
 * `npm run release`: the folder dist/release/ with everything in which rehup is got, made of what was built. The same
 * sources give the same files. Variables: `REHUP_REPOSITORY` and `REHUP_MAINTAINER` take the place of the placeholders of
 * package.json, `REHUP_SIGNING_KEY` is the file of a key that signs the sums, `SOURCE_DATE_EPOCH` the time that all has.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { build, ROOT } from './build/product.ts';
import { controllerBundle, packageBundle } from './build.ts';
import { type Contents, contents } from './release/bills.ts';
import { bashCompletion, fishCompletion, zshCompletion } from './release/completions.ts';
import { debianPackage } from './release/debian.ts';
import { deployments } from './release/deployment.ts';
import { type Executable, executablesIn, type Facts, factsOf } from './release/facts.ts';
import { type Layout, labelsOf, writeImage } from './release/image.ts';
import { licencesOf } from './release/licences.ts';
import { manualPage } from './release/manual.ts';
import { nodeImage } from './release/node-image.ts';
import { npmPackages, readmeOf } from './release/packages.ts';
import { sign, writeSums } from './release/sums.ts';

const THIRD_PARTIES = 'THIRD-PARTY-LICENSES.txt';

const own = (name: string) => readFileSync(path.join(ROOT, name), 'utf8');

/**
 * Makes a release of the executables in a folder.
 *
 * @returns the names of the files, in the order of the sums
 * @throws if there is no static executable, or a part of one has no licence
 */
export async function release(
  built: string,
  folder: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<readonly string[]> {
  const facts = await factsOf(environment);
  const executables = executablesIn(built, facts);
  if (executables.length === 0)
    throw new Error(`release: no static executable in ${built}; npm run build says what it lacks`);
  await build(packageBundle());
  await build(controllerBundle());
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { statics, bundle } = await contents(executables);
  const put = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), text);
    return name;
  };
  const licences = new Map(
    [...statics].map(([architecture, { origins }]) => [architecture, licencesOf('rehup', origins)] as const),
  );
  const all = licencesOf('rehup', unique([...statics.values(), bundle]));
  const names = [
    ...executables.map(({ file, name }) => {
      copyFileSync(file, path.join(folder, name));
      return name;
    }),
    ...(await debianPackages(folder, executables, facts, licences)),
    image(folder, executables, facts, licences),
    ...nodeImage(built, folder, facts, labelsOf(facts), bundle.origins),
    ...(await npmPackages(folder, executables, facts, {
      launcher: {
        'README.md': readmeOf(facts),
        'CHANGELOG.md': own('CHANGELOG.md'),
        LICENSE: own('LICENSE'),
        [THIRD_PARTIES]: licencesOf('rehup', bundle.origins),
      },
      platforms: new Map(
        [...licences].map(([architecture, text]) => [
          architecture,
          { LICENSE: own('LICENSE'), [THIRD_PARTIES]: text },
        ]),
      ),
    })),
    ...deployments(folder, facts),
    put('rehup.1', manualPage(facts)),
    put('rehup.bash', bashCompletion()),
    put('_rehup', zshCompletion()),
    put('rehup.fish', fishCompletion()),
    ...executables.map(({ name, architecture }) =>
      put(`${name}.cdx.json`, statics.get(architecture)?.bill ?? ''),
    ),
    put(`rehup-${facts.version}-npm.cdx.json`, bundle.bill),
    put(THIRD_PARTIES, all),
    put('LICENSE', own('LICENSE')),
  ];
  const sums = writeSums(folder, names);
  const key = environment['REHUP_SIGNING_KEY'] ?? '';
  return [...names, sums, ...(key === '' ? [] : [await sign(folder, sums, key)])];
}

type Licences = ReadonlyMap<Executable['architecture'], string>;

/** The parts of all editions, each once. */
function unique(editions: readonly Contents[]) {
  const all = editions.flatMap(({ origins }) => origins);
  return [...new Map(all.map((origin) => [origin.name, origin])).values()];
}

async function debianPackages(
  folder: string,
  executables: readonly Executable[],
  facts: Facts,
  licences: Licences,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const executable of executables) {
    const texts = {
      manual: manualPage(facts),
      changes: own('CHANGELOG.md'),
      license: own('LICENSE'),
      thirdParties: licences.get(executable.architecture) ?? '',
      bash: bashCompletion(),
      zsh: zshCompletion(),
      fish: fishCompletion(),
    };
    names.push(await debianPackage(folder, executable, facts, texts));
  }
  return names;
}

/** The image of rehup alone, for all architectures: its executable is /rehup. */
function image(folder: string, executables: readonly Executable[], facts: Facts, licences: Licences): string {
  const name = `rehup-${facts.version}-oci.tar`;
  const labels = labelsOf(facts);
  const layouts = executables.map(({ architecture, file }): Layout => {
    const papers = path.join(folder, `${architecture}.txt`);
    writeFileSync(papers, licences.get(architecture) ?? '');
    const files = { rehup: file, LICENSE: path.join(ROOT, 'LICENSE'), [THIRD_PARTIES]: papers };
    return { architecture, files, entrypoint: ['/rehup'], user: '65534:65534', labels };
  });
  const created = labels['org.opencontainers.image.created'];
  writeImage(path.join(folder, name), `localhost/rehup:${facts.version}`, layouts, created);
  for (const { architecture } of executables) rmSync(path.join(folder, `${architecture}.txt`));
  return name;
}

if (import.meta.main) {
  const folder = path.join(ROOT, 'dist/release');
  const names = await release(path.join(ROOT, 'dist'), folder);
  for (const name of names) console.log(path.relative(process.cwd(), path.join(folder, name)));
  const others = readdirSync(folder).filter((name) => !names.includes(name));
  if (others.length > 0) throw new Error(`release: ${others.join(', ')} in ${folder}, and nobody knows why`);
  if (!existsSync(path.join(ROOT, 'dist/rehup-arm64')))
    console.log('without arm64: npm run build says what that lacks');
}
