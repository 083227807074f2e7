/**
 * The option names that a function knows at run time equal the names in its interface: no name is missing, and no other
 * name is accepted.
 *
 * @module
 */
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { optionCalls } from '../property/option-calls.ts'
import { refusalOf } from '../property/refusal-of.ts'
import { readModules, root } from '../setup/entries.ts'

const entries = readModules()
const program = ts.createProgram(
  Object.values(entries).map((file) => `${root}${file}`),
  {
    ...ts.convertCompilerOptionsFromJson(
      ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config.compilerOptions,
      root,
    ).options,
    skipLibCheck: true,
  },
)
const checker = program.getTypeChecker()

describe('the options that are known at run time', () => {
  for (const [entry, calls] of Object.entries(optionCalls)) {
    for (const [name, given] of Object.entries(calls)) {
      // The types of `createGuard` do not contain the object that a handler receives.
      if (name === 'createGuard fetch') continue
      it(`of ${entry} ${name} equal the names in its interface`, async () => {
        const { known } = await refusalOf(entry, name, given, 'zzz')
        expect(namesOf(entry, name)).toContainEqual([...known].sort())
      })
    }
  }
})

/**
 * The names that the types have, at a place such as `createGuard audit.denials` or `createVault use`: of each member of
 * a union.
 */
function namesOf(entry: string, place: string): readonly (readonly string[])[] {
  const [exported = '', ...path] = place.split(' ')
  const call = signatureOf(typeOfExport(entry, exported))
  if (path.length === 0) return propertyNames(lastParameter(call))
  const [first = '', part] = path
  const made = checker.getAwaitedType(call.getReturnType()) ?? call.getReturnType()
  const method = made.getProperty(first)
  if (method === undefined) return propertyNames(partOf(call, first))
  const signature = signatureOf(checker.getTypeOfSymbol(method))
  return propertyNames(part === undefined ? lastParameter(signature) : partOf(signature, part))
}

function typeOfExport(entry: string, name: string): ts.Type {
  const file = program.getSourceFile(`${root}${entries[entry]}`) as ts.SourceFile
  const exports = checker.getExportsOfModule(checker.getSymbolAtLocation(file) as ts.Symbol)
  const found = exports.find((one) => one.name === name) as ts.Symbol
  return checker.getTypeOfSymbol(found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found)
}

function signatureOf(type: ts.Type): ts.Signature {
  return type.getCallSignatures()[0] as ts.Signature
}

function lastParameter({ parameters }: ts.Signature): ts.Type {
  return checker.getTypeOfSymbol(parameters.at(-1) as ts.Symbol)
}

/**
 * A part of a parameter, the last one first: `audit.denials`, `commands[0]`, `credentials.a`; the parameter itself, or
 * a part by its name.
 */
function partOf({ parameters }: ts.Signature, path: string): ts.Type {
  const segments = path.split(/[.[]/)
  for (const parameter of [...parameters].reverse()) {
    const type = checker.getTypeOfSymbol(parameter)
    const below = parameter.name === segments[0] ? segments.slice(1) : segments
    const found = below.reduce<ts.Type | undefined>((at, segment) => at && memberOf(at, segment), type)
    if (found !== undefined) return found
  }
  throw new Error(`there is no part ${path}`)
}

function memberOf(type: ts.Type, segment: string): ts.Type | undefined {
  const given = checker.getNonNullableType(type)
  const property = given.getProperty(segment)
  if (property !== undefined) return checker.getTypeOfSymbol(property)
  return (segment.endsWith(']') ? given.getNumberIndexType() : undefined) ?? given.getStringIndexType()
}

/** Of each member of a union that is an object, and of all of them together. */
function propertyNames(type: ts.Type): readonly (readonly string[])[] {
  const given = checker.getNonNullableType(type)
  const parts = (given.isUnion() ? given.types : [given]).filter((part) => !(part.flags & ts.TypeFlags.StringLike))
  const names = parts.map((part) => checker.getPropertiesOfType(part).map((property) => property.name))
  return [...names, names.flat()].map((some) => [...new Set(some)].filter((name) => !name.startsWith('__@')).sort())
}
