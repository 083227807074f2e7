import { existsSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { documentedDefaults, writtenDefaults } from './setup/defaults.ts'
import {
  cliEntry,
  cliProgram,
  documentedEntries,
  exportsOf,
  isPublic,
  pathsOf,
  readEntries,
  readPlatformImports,
  root,
} from './setup/entries.ts'
import { exportedDeclarations, hasDocComment, place, readSources, type SourceFile, walk } from './setup/source.ts'

/** Folders of `src` from the ground up. A file imports from lower layers and from its own folder. */
const layers: readonly (readonly string[])[] = [
  ['errors', 'time', 'bounds', 'support'],
  ['core/ipld'],
  ['core/did'],
  ['core/principal'],
  ['core/capability'],
  ['core/envelope'],
  ['core/delegation', 'core/invocation', 'core/receipt', 'core/revocation'],
  ['core/proof', 'core/container'],
  ['core/authorization'],
  ['vault', 'audit'],
  ['guard', 'signers'],
  ['service'],
  ['http', 'ucanto', 'stores', 'revocation-sources', 'testing', 'approval', 'operations'],
  ['agent'],
  ['mcp'],
]
/** Folders of `packages/cli/src` from the ground up, as above. They import the library by its names. */
const cliLayers: readonly (readonly string[])[] = [['support'], ['gateway'], ['cli'], ['index', 'procura']]
/** Adapters use only the public API. `ucanto` is not an adapter: it reads and writes another format of tokens. */
const adapters = ['http', 'approval', 'agent', 'mcp'].map((folder) => `src/${folder}/`)
/** A revocation is an invocation, and so is a receipt: they may use that folder of their own layer. */
const sideways = new Set(['core/revocation > core/invocation', 'core/receipt > core/invocation'])
const maximumLines = 400
const maximumFunctionLines = 80

const library = readSources('src')
const cli = readSources('packages/cli/src')
const sources = [...library, ...cli]
const byPath = new Map(sources.map((file) => [file.path, file]))
// Parses all files here, where no time limit of a test applies.
for (const { imports } of sources) void imports
const entries = readEntries()

describe('layers', () => {
  it('are those of the map in CONTRIBUTING.md', () => {
    const page = readFileSync(`${root}CONTRIBUTING.md`, 'utf8')
    const lines = page.split('\n').filter((line) => /^ {4}(?:\d+ +| {7}| {3})[a-z/-]+(?:, [a-z/-]+)* {2,}\S/.test(line))
    const mapped: string[][] = []
    for (const line of lines) {
      const [, number, names = ''] = /^ {4}(\d+)? *(.+?) {2,}/.exec(line) ?? []
      if (number !== undefined) expect(mapped.push([])).toBe(Number(number) + 1)
      mapped.at(-1)?.push(...names.split(', '))
    }
    const sorted = (all: readonly (readonly string[])[]): string[][] => all.map((one) => one.toSorted())
    expect(sorted(mapped)).toEqual(sorted(layers))
    for (const name of cliLayers.flat()) expect(page).toContain(`packages/cli/src/${name}`)
  })

  it('give every folder of src a place', () => {
    const unknown = sources.filter((file) => !isEntry(file) && layerOf(file.path) < 0)
    expect(unknown.map((file) => file.path)).toEqual([])
  })

  it('let a file import only from lower layers and its own folder', () => {
    const faults = sources
      .filter((file) => !isEntry(file))
      .flatMap((file) =>
        file.imports.flatMap((imported) =>
          imported.targets
            .filter((target) => !mayImport(file.path, target))
            .map((target) => `${file.path}:${imported.line} imports ${target}`),
        ),
      )
    expect(faults).toEqual([])
  })

  it('keep entry points at the top: nothing imports one, and no other file is one', () => {
    const faults = sources.flatMap((file) =>
      file.imports
        .filter((imported) => imported.targets.some((target) => isEntry({ path: target })))
        .filter(({ specifier }) => !/^(?:#|procura)/.test(specifier))
        .map((imported) => `${file.path}:${imported.line} imports ${imported.specifier}`),
    )
    expect(faults).toEqual([])
    expect(sources.filter(({ path }) => path.endsWith('/index.ts')).map(({ path }) => path)).toEqual([
      'src/entries/index.ts',
      'packages/cli/src/index.ts',
    ])
  })

  it('let entry points contain nothing but names from elsewhere', () => {
    const programs = new Set([cliProgram, 'src/entries/signer/pkcs11-thread.ts'])
    const faults = sources
      .filter((file) => isEntry(file) && !programs.has(file.path))
      .flatMap((file) =>
        file.tree.statements.filter((statement) => !ts.isExportDeclaration(statement)).map((one) => place(file, one)),
      )
    expect(faults).toEqual([])
  })

  it('are few: 40 names at the root, 520 in all, and the parts of a token format', () => {
    const namesOf = (path: string): string[] => (byPath.get(path)?.imports ?? []).flatMap(({ names }) => names).sort()
    const all = Object.entries(entries).flatMap(([name, path]) => (isPublic(name) ? namesOf(path) : []))
    expect(namesOf('src/entries/index.ts').length).toBeLessThanOrEqual(40)
    // Values and types, a name of several entry points once. The proofs about policies and their text form moved it
    // from 500.
    expect(new Set(all).size).toBeLessThanOrEqual(520)
    expect(namesOf('src/entries/format.ts').join(' ')).toBe(
      'Chain ChainLink Link OpenInvocation ReadingContext Steps TokenFormat standardFormat wait',
    )
  })

  it('let adapters use only what users of the package can import', () => {
    const published = publishedNames()
    const faults = sources
      .filter((file) => adapters.some((folder) => file.path.startsWith(folder)))
      .flatMap((file) =>
        file.imports
          .filter((imported) => imported.targets.some((target) => layerOf(target) < layerOf(file.path)))
          .flatMap((imported) =>
            imported.names
              .filter((name) => !imported.targets.some((target) => published.has(`${target} ${name}`)))
              // Mechanisms are not the purpose of this library: the author of another adapter has their own.
              .filter(() => !imported.targets.some((target) => target.startsWith('src/support/')))
              .map((name) => `${file.path}:${imported.line} uses ${name}, which no entry point exports`),
          ),
      )
    expect(faults).toEqual([])
  })

  it('have no import cycle, type imports included', () => {
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (path: string, above: readonly string[]): void => {
      const start = above.indexOf(path)
      if (start >= 0) cycles.push([...above.slice(start), path].join(' > '))
      if (start >= 0 || done.has(path)) return
      const targets = (byPath.get(path)?.imports ?? []).flatMap((imported) => imported.targets)
      for (const target of targets.filter((one) => byPath.has(one))) visit(target, [...above, path])
      done.add(path)
    }
    for (const { path } of sources) if (!isEntry({ path })) visit(path, [])
    expect(cycles).toEqual([])
  })

  it('write relative imports with their extension, to files that exist', () => {
    const faults = sources.flatMap((file) =>
      file.imports
        .filter((imported) => imported.targets.some((target) => !byPath.has(target)))
        .map((imported) => `${file.path}:${imported.line} imports ${imported.specifier}`),
    )
    expect(faults).toEqual([])
  })
})

describe('portability', () => {
  const builtin = new Set(builtinModules)

  it('keeps Node modules in files whose first line contains `node only`', () => {
    const faults = sources
      .filter((file) => !file.nodeOnly)
      .flatMap((file) =>
        file.imports
          .filter(({ specifier }) => specifier.startsWith('node:') || builtin.has(specifier))
          .map((imported) => `${file.path}:${imported.line} imports ${imported.specifier}`),
      )
    expect(faults).toEqual([])
  })

  it('writes Node modules with their prefix', () => {
    const faults = sources.flatMap((file) =>
      file.imports.filter(({ specifier }) => builtin.has(specifier)).map(({ line }) => `${file.path}:${line}`),
    )
    expect(faults).toEqual([])
  })

  it('lets no portable file import one that needs Node, except by a package import', () => {
    const faults = sources
      .filter((file) => !file.nodeOnly)
      .flatMap((file) =>
        file.imports
          .filter((imported) => !imported.typeOnly && imported.specifier.startsWith('.'))
          .filter((imported) => imported.targets.some((target) => byPath.get(target)?.nodeOnly))
          .map((imported) => `${file.path}:${imported.line} imports ${imported.specifier}`),
      )
    expect(faults).toEqual([])
  })

  it('leads package imports to a file that needs Node and one that does not', () => {
    for (const target of readPlatformImports()) {
      expect.soft(byPath.get(entries[target.node] ?? '')?.nodeOnly, `${target.specifier} on Node`).toBe(true)
      expect.soft(byPath.get(entries[target.web] ?? '')?.nodeOnly, `${target.specifier} elsewhere`).toBe(false)
    }
  })
})

describe('source files', () => {
  it(`have at most ${maximumLines} lines`, () => {
    expect(sources.filter((file) => linesOf(file) > maximumLines).map((file) => file.path)).toEqual([])
  })

  it(`have functions of at most ${maximumFunctionLines} lines, nested ones included`, () => {
    const long = sources.flatMap((file) => {
      const found: string[] = []
      walk(file.tree, (node) => {
        if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return
        const lineOf = (position: number): number => file.tree.getLineAndCharacterOfPosition(position).line
        const lines = lineOf(node.end) - lineOf(node.getStart(file.tree)) + 1
        if (lines > maximumFunctionLines) found.push(`${place(file, node)} has ${lines} lines`)
      })
      return found
    })
    expect(long).toEqual([])
  })

  it('hold no state of their own', () => {
    expect(sources.flatMap(moduleState)).toEqual([])
  })

  it('take no time, chance or console from the host [attack 64]', () => {
    const faults = sources.flatMap((file) => {
      const found: string[] = []
      walk(file.tree, (node) => {
        const text = ts.isPropertyAccessExpression(node) ? node.getText(file.tree) : ''
        if (ts.isIdentifier(node) && node.text === 'console') found.push(`${place(file, node)} console`)
        if (text === 'Math.random') found.push(`${place(file, node)} ${text}`)
        if (file.path === 'src/time.ts') return
        if (text === 'Date.now') found.push(`${place(file, node)} ${text}`)
        if (ts.isNewExpression(node) && node.expression.getText(file.tree) === 'Date' && !node.arguments?.length)
          found.push(`${place(file, node)} new Date()`)
      })
      return found
    })
    expect(faults).toEqual([])
  })

  it('compare nothing secret in a time that depends on it [attack 63]', () => {
    const holders =
      /^(?:packages\/cli\/src\/gateway|src\/(?:agent|approval|audit|guard|http|mcp|operations|service|signers\/file|stores|vault))\//
    const always = /\b(?:h?mac|tag|password|passphrase|bearer)\b|\breveal\(/i
    // In the file of the key of a listener, each key is a secret.
    const secretOf = (path: string): RegExp => (path.endsWith('/local-key.ts') ? /\bkey\b/i : always)
    const plain = /^(?:undefined|null|typeof .*|-?\d+|'.*'|.*\.(?:length|kind|name|type))$/
    const faults = sources
      .filter(({ path }) => holders.test(path))
      .flatMap((file) => {
        const found = file.imports
          .filter(({ names }) => names.includes('bytesEqual'))
          .map(({ line }) => `${file.path}:${line}`)
        walk(file.tree, (node) => {
          if (!ts.isBinaryExpression(node) || !/^[!=]==$/.test(node.operatorToken.getText(file.tree))) return
          const sides = [node.left, node.right].map((side) => side.getText(file.tree))
          if (sides.some((side) => secretOf(file.path).test(side)) && !sides.some((side) => plain.test(side)))
            found.push(`${place(file, node)} ${node.getText(file.tree)}`)
        })
        return found
      })
    expect(faults).toEqual([])
  })

  it('export by name, each name with its doc comment', () => {
    const faults = sources.flatMap((file) => {
      const found: string[] = []
      for (const statement of file.tree.statements) {
        if (ts.isExportAssignment(statement)) found.push(`${place(file, statement)} exports without a name`)
        if (ts.isExportDeclaration(statement) && !statement.exportClause)
          found.push(`${place(file, statement)} exports everything of another module`)
        const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
        if (modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword))
          found.push(`${place(file, statement)} is a default export`)
      }
      for (const [name, node] of exportedDeclarations(file)) {
        if (!hasDocComment(file, node)) found.push(`${place(file, node)} ${name} has no doc comment`)
      }
      return found
    })
    expect(faults).toEqual([])
  })

  it('write comments as sentences, errors by their bare names, and options that may be missing in one form', () => {
    const faults = sources.flatMap((file) =>
      file.text.split('\n').flatMap((line, index, lines) => {
        const found = (what: string): string => `${file.path}:${index + 1} ${what}`
        const continues = /^\s*\/\/ /.test(lines[index - 1] ?? '')
        return [
          ...(/^\s*\/\/ [a-z][a-z']*[,:;]? [a-z]/.test(line) && !continues && !/^\/\/ node only/.test(line)
            ? [found('begins a comment with a small letter')]
            : []),
          ...(/@throws \{/.test(line) ? [found('writes `@throws {@link X}` for `@throws X`')] : []),
          ...(/\.\.\.\(.* === undefined \? \{\} :/.test(line) ? [found('spreads by a ternary for `&&`')] : []),
        ]
      }),
    )
    expect(faults).toEqual([])
  })

  it('write comments of at most 120 columns, tables aside', () => {
    const faults = sources.flatMap((file) =>
      file.text
        .split('\n')
        .flatMap((line, index) =>
          line.length > 120 && /^\s*(?:\/\/|\/?\*(?! \|))/.test(line) ? [`${file.path}:${index + 1}`] : [],
        ),
    )
    expect(faults).toEqual([])
  })

  it('document the numeric defaults that the code has', () => {
    const options = documentedDefaults(sources)
    const faults = options.flatMap((option) => {
      const written = writtenDefaults(sources, option)
      const agrees = written.length > 0 && written.every((value) => value === option.value)
      return agrees ? [] : [`${option.where}: documented ${option.value}, written ${written.join(', ') || 'nowhere'}`]
    })
    expect(faults).toEqual([])
    expect(options.length).toBeGreaterThan(70)
  })

  it('wait for nothing while they load', () => {
    const faults = sources.flatMap((file) => {
      const found: string[] = []
      const visit = (node: ts.Node): void => {
        if (ts.isAwaitExpression(node)) found.push(place(file, node))
        if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit)
      }
      visit(file.tree)
      return found
    })
    expect(faults).toEqual([])
  })

  it('use regular expressions that run in linear time [attack 93]', () => {
    const faults = sources.flatMap((file) => {
      const found: string[] = []
      walk(file.tree, (node) => {
        if (ts.isNewExpression(node) && node.expression.getText(file.tree) === 'RegExp')
          found.push(`${place(file, node)} makes a regular expression from text`)
        if (ts.isRegularExpressionLiteral(node) && mayBacktrack(node.text))
          found.push(`${place(file, node)} ${node.text}`)
      })
      return found
    })
    expect(faults).toEqual([])
  })

  it('and tests leave nothing for later', () => {
    const marker = new RegExp(
      `\\b(?:${['TO', 'FIX'].map((word) => `${word}${word === 'TO' ? 'DO' : 'ME'}`).join('|')})\\b`,
    )
    const faults = [...sources, ...readSources('test'), ...readSources('examples'), ...readSources('bench')].flatMap(
      (file) => {
        const found = marker.test(file.text) ? [`${file.path} marks something as open`] : []
        // Most files do not contain the words, so they need not be parsed.
        if (!/\.(?:skip|only|todo|fails)\b/.test(file.text)) return found
        walk(file.tree, (node) => {
          if (!ts.isPropertyAccessExpression(node) || !/^(skip|only|todo|fails)$/.test(node.name.text)) return
          const subject = node.expression.getText(file.tree)
          if (/^(it|test|describe)\b/.test(subject)) found.push(`${place(file, node)} ${subject}.${node.name.text}`)
        })
        return found
      },
    )
    expect(faults).toEqual([])
  })
})

describe('files that tests import', () => {
  it('register hooks in functions alone: tests share a process, in which such a file is loaded for the first one', () => {
    const faults = readSources('test')
      .filter(({ path }) => !path.endsWith('.test.ts') && !path.startsWith('test/setup/'))
      .flatMap((file) =>
        file.tree.statements.flatMap((statement) =>
          /^(?:await )?(?:after|before)(?:All|Each)\b/.test(statement.getText(file.tree))
            ? [place(file, statement)]
            : [],
        ),
      )
    expect(faults).toEqual([])
  })
})

describe('signals', () => {
  it('are joined by startDeadline alone: AbortSignal.any leaves something behind at a signal that outlives many calls', () => {
    const faults = sources.flatMap((file) => {
      const found: string[] = []
      // Few files name it, and the others need no look at each of their nodes.
      if (!/AbortSignal\s*\.\s*any/.test(file.text)) return found
      walk(file.tree, (node) => {
        if (ts.isPropertyAccessExpression(node) && node.getText(file.tree) === 'AbortSignal.any')
          found.push(place(file, node))
      })
      return found
    })
    expect(faults).toEqual([])
  })
})

describe('independence', () => {
  it('keeps the reference evaluator free of our code', () => {
    expect(importsOf('test/reference', (target) => target.startsWith('src/'))).toEqual([])
  })

  it('keeps the source files free of tests', () => {
    expect(importsOf('src', (target) => !target.startsWith('src/'))).toEqual([])
    expect(importsOf('packages/cli/src', (target) => !/^(?:packages\/cli\/)?src\//.test(target))).toEqual([])
  })

  it('lets examples import the package as users do', () => {
    const faults = readSources('examples').flatMap((file) =>
      file.imports
        .filter(({ specifier }) => specifier.startsWith('.') && !specifier.startsWith('./'))
        .map((imported) => `${file.path}:${imported.line} imports ${imported.specifier}`),
    )
    expect(faults).toEqual([])
  })

  function importsOf(folder: string, isWrong: (target: string) => boolean): string[] {
    return readSources(folder).flatMap((file) =>
      file.imports
        .filter(({ targets }) => targets.some(isWrong))
        .map((imported) => `${file.path}:${imported.line} imports ${imported.specifier}`),
    )
  }
})

describe('entry points', () => {
  const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

  it('lead to files that exist', () => {
    expect(Object.values(entries).filter((file) => !existsSync(root + file))).toEqual([])
  })

  it('are the export map of package.json (npm run entries)', () => {
    expect(manifest.exports).toEqual(exportsOf(entries))
  })

  it('are the paths of tsconfig.json (npm run entries)', () => {
    const config = JSON.parse(readFileSync(`${root}tsconfig.json`, 'utf8'))
    expect(config.compilerOptions.paths).toEqual(pathsOf(entries))
  })

  it('are the entry points of typedoc.json (npm run entries)', () => {
    const config = JSON.parse(readFileSync(`${root}typedoc.json`, 'utf8'))
    expect(config.entryPoints).toEqual(documentedEntries(entries))
  })

  it('export the types that a result has, so that the declarations of users can name them', () => {
    const published = new Set([...publishedNames()].map((name) => name.split(' ')[1]))
    const declared = new Map(sources.flatMap((file) => [...exportedDeclarations(file)]))
    const faults = [...published].flatMap((name) => {
      const node = declared.get(name ?? '')
      if (node === undefined || !ts.isFunctionDeclaration(node) || node.type === undefined) return []
      const parameters = new Set(node.typeParameters?.map((parameter) => parameter.name.text))
      const found: string[] = []
      walk(node.type, (part) => {
        if (!ts.isTypeReferenceNode(part) || !ts.isIdentifier(part.typeName)) return
        const type = part.typeName.text
        if (!parameters.has(type) && declared.has(type) && !published.has(type)) found.push(`${name}: ${type}`)
      })
      return found
    })
    expect(faults).toEqual([])
  })

  it('are outside the bundler when they are package imports', () => {
    expect(manifest.tsup.external).toEqual(readPlatformImports().map(({ specifier }) => specifier))
  })
})

describe('dependencies', () => {
  type Manifest = Readonly<Record<'dependencies' | 'peerDependencies', Readonly<Record<string, string>> | undefined>>
  const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  const manifestOfCli = JSON.parse(readFileSync(`${root}packages/cli/package.json`, 'utf8'))
  const lock = readFileSync(`${root}package-lock.json`, 'utf8')

  it('are few, of locked versions, and run no install script [attack 92]', () => {
    const packages = JSON.parse(lock).packages as Record<string, { hasInstallScript?: boolean; dev?: boolean }>
    const scripts = Object.entries(packages).filter(([, entry]) => entry.hasInstallScript && !entry.dev)
    expect.soft(scripts.map(([name]) => name)).toEqual([])
    for (const [name, version] of Object.entries(manifest.devDependencies))
      expect.soft(version, name).toMatch(/^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/)
    // A library that asks for exact versions makes its users install packages twice. Each range has an upper bound.
    for (const [name, range] of Object.entries({ ...manifest.dependencies, ...manifestOfCli.dependencies }))
      expect.soft(range, name).toMatch(/^(?:\^\d+\.\d+\.\d+|>=\d+\.\d+\.\d+ <\d+\.\d+\.\d+)$/)
    expect(Object.keys(manifest.dependencies)).toEqual(['@noble/curves', '@noble/ed25519', 'multiformats'])
    expect(readFileSync(`${root}.ci/run`, 'utf8')).toContain('npm ci --ignore-scripts')
    for (const { publishConfig } of [manifest, manifestOfCli]) expect(publishConfig.provenance).toBe(true)
  })

  it('are locked without the address of a registry', () => {
    // The packages of the workspace are links to folders.
    expect(lock).not.toMatch(/"resolved": "[a-z+]+:|https?:\/\/[^"]*registry/)
  })

  it('of the source files are declared', () => {
    const faultsOf = (files: readonly SourceFile[], { dependencies, peerDependencies }: Manifest): string[] =>
      files.flatMap((file) =>
        file.imports
          .filter(({ specifier }) => !/^(node:|\.|#)/.test(specifier))
          .filter(({ specifier }) => !(packageOf(specifier) in { ...dependencies, ...peerDependencies }))
          .map((imported) => `${file.path}:${imported.line} imports ${imported.specifier}`),
      )
    expect(faultsOf(library, manifest)).toEqual([])
    expect(faultsOf(cli, manifestOfCli)).toEqual([])
  })
})

function layerOf(path: string): number {
  if (!path.startsWith('packages/')) return layers.findIndex((folders) => folders.includes(folderOf(path)))
  const layer = cliLayers.findIndex((folders) => folders.includes(folderOf(path)))
  return layer < 0 ? layer : layers.length + layer
}

/** The folder or file of `src` that a file belongs to, as the layers name it. */
function folderOf(path: string): string {
  return /^(?:packages\/cli\/)?src\/((?:core\/)?[^/]+?)(?:\.ts$|\/)/.exec(path)?.[1] ?? ''
}

function mayImport(from: string, to: string): boolean {
  if (from.startsWith('packages/') && to.startsWith('src/'))
    return isEntry({ path: to }) || to.startsWith('src/support/')
  const [own, other] = [folderOf(from), folderOf(to)]
  if (own === other && !from.endsWith(`src/${own}.ts`)) return true
  return layerOf(to) < layerOf(from) || sideways.has(`${own} > ${other}`) || (layerOf(from) === 0 && layerOf(to) === 0)
}

function isEntry(file: Pick<SourceFile, 'path'>): boolean {
  return file.path.startsWith('src/entries/') || file.path === cliEntry || file.path === cliProgram
}

/** `file name` of all that an entry point declares or re-exports. */
function publishedNames(): Set<string> {
  const names = new Set<string>()
  for (const [, path] of Object.entries(entries).filter(([name]) => isPublic(name))) {
    const file = byPath.get(path)
    for (const name of file ? exportedDeclarations(file).keys() : []) names.add(`${path} ${name}`)
    for (const imported of file?.imports ?? []) {
      for (const name of imported.names) for (const target of imported.targets) names.add(`${target} ${name}`)
    }
  }
  return names
}

function linesOf(file: SourceFile): number {
  return file.text.trimEnd().split('\n').length
}

const changing = new Set('push pop shift unshift splice sort reverse fill set add delete clear'.split(' '))

/** Variables of a module that can change, tables that can grow, and constants that are written to. */
function moduleState(file: SourceFile): string[] {
  const faults: string[] = []
  const constants = new Set<string>()
  for (const statement of file.tree.statements) {
    if (!ts.isVariableStatement(statement)) continue
    const isConstant = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0
    for (const declaration of statement.declarationList.declarations) {
      if (ts.isIdentifier(declaration.name)) constants.add(declaration.name.text)
      if (!isConstant) faults.push(`${place(file, statement)} can be assigned again`)
      const made = declaration.initializer
      if (!made || !ts.isNewExpression(made)) continue
      const kind = made.expression.getText(file.tree)
      const isReadonly = /^Readonly(Map|Set)</.test(declaration.type?.getText(file.tree) ?? '')
      if (/^Weak(Map|Set|Ref)$/.test(kind) || (/^(Map|Set)$/.test(kind) && !isReadonly))
        faults.push(`${place(file, declaration)} is a ${kind} that can change`)
    }
  }
  walk(file.tree, (node) => {
    if (ts.isVariableDeclaration(node) && node.parent.parent.parent !== file.tree) forget(node.name)
    if (ts.isParameter(node)) forget(node.name)
    if (ts.isPropertyDeclaration(node)) {
      const kinds = new Set(ts.getModifiers(node)?.map((modifier) => modifier.kind))
      if (kinds.has(ts.SyntaxKind.StaticKeyword) && !kinds.has(ts.SyntaxKind.ReadonlyKeyword))
        faults.push(`${place(file, node)} is a static property that can change`)
    }
  })
  walk(file.tree, (node) => {
    if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind) && !ts.isIdentifier(node.left)) {
      if (constants.has(rootName(node.left))) faults.push(`${place(file, node)} writes to a constant of the module`)
    }
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { expression, name } = node.expression
      if (ts.isIdentifier(expression) && constants.has(expression.text) && changing.has(name.text))
        faults.push(`${place(file, node)} changes a constant of the module`)
    }
  })
  return faults

  function forget(name: ts.BindingName): void {
    if (ts.isIdentifier(name)) constants.delete(name.text)
  }
}

function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment
}

function rootName(node: ts.Node): string {
  if (ts.isIdentifier(node)) return node.text
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) return rootName(node.expression)
  return ''
}

/**
 * Whether a pattern may need more than linear time. Reasons are a back reference, look-around, or a repeated group
 * whose body repeats something itself (without a separator) or has two alternatives with a common beginning. Another
 * reason is an unbounded repetition, unless the pattern is anchored at its start, begins with a character that cannot
 * occur in it again, or is a single character class.
 */
function mayBacktrack(literal: string): boolean {
  const flags = literal.slice(literal.lastIndexOf('/') + 1)
  const pattern = literal.slice(1, literal.lastIndexOf('/'))
  // Every atom becomes one letter, so that only the operators are left: classes C, everything else x.
  const plain = pattern.replace(/\[(?:\\.|[^\]\\])*\]/g, 'C').replace(/\\./g, 'x')
  if (/\\[1-9k]/.test(pattern) || /\(\?(?:[=!]|<[=!])/.test(plain)) return true
  if (/\)[^()]*\)(?:[*+]|\{\d+,\d*\})/.test(plain)) return true // a repeated group within a repeated group
  for (const [, body] of pattern.matchAll(/\(\?:((?:\\.|\[(?:\\.|[^\]\\])*\]|[^()\\[])*)\)(?:[*+]|\{\d+,\d*\})/g)) {
    if (!isSeparated(body ?? '') && (repeats(body ?? '') || !beginApart(body ?? ''))) return true
  }
  const unbounded = plain.match(/[*+]|\{\d+,\}/g)?.length ?? 0
  if (unbounded === 0 || plain.startsWith('^') || flags.includes('y')) return false
  // Every attempt that begins with a character of its own ends where the next one begins.
  const [, first] = /^\\?([^\w\s\\[\]().*+?|^$])/.exec(pattern) ?? []
  if (first !== undefined && !/[.]|\\[SWD]/.test(pattern) && lack(pattern, first)) return false
  return !/^.(?:[*+]|\{\d+,\})$/.test(plain)
}

/** One character, then classes that lack it, one of them repeated: `(?:,[a-z][a-z0-9]*)*` is read in one way only. */
function isSeparated(body: string): boolean {
  const [, separator = '', rest = ''] = /^(\\.|[^\\[\]().*+?|])((?:\[(?:\\.|[^\]\\])*\][*+]?)+)$/.exec(body) ?? []
  return rest !== '' && (rest.match(/\][*+]/g)?.length ?? 0) <= 1 && lack(rest, separator.slice(-1))
}

/** Whether no class of a pattern has the character. */
function lack(pattern: string, character: string): boolean {
  return (pattern.match(/\[(?:\\.|[^\]\\])*\]/g) ?? []).every((letters) => !new RegExp(`^${letters}$`).test(character))
}

function repeats(body: string): boolean {
  return /[*+?]|\{\d+,/.test(body.replace(/\[(?:\\.|[^\]\\])*\]/g, 'C').replace(/\\./g, 'x'))
}

function beginApart(body: string): boolean {
  const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))
  const begins =
    body.match(/(?:^|\|)(?:\[(?:\\.|[^\]\\])*\]|\\.|[^|])/g)?.map((begin) => begin.replace(/^\|/, '')) ?? []
  return ascii.every((letter) => begins.filter((begin) => new RegExp(`^${begin}$`).test(letter)).length <= 1)
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
