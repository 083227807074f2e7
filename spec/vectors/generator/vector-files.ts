/**
 * The vector files and their contents.
 *
 * @module
 */

import { chainVectors } from './hostile/chains.ts'
import { commandVectors } from './hostile/commands.ts'
import { containerVectors } from './hostile/containers.ts'
import { didVectors } from './hostile/dids.ts'
import { encodingVectors } from './hostile/encoding.ts'
import { envelopeVectors } from './hostile/envelopes.ts'
import { policyVectors } from './hostile/policies.ts'
import { policyFormVectors } from './hostile/policy-forms.ts'
import { revocationVectors } from './hostile/revocations.ts'
import { serviceVectors } from './hostile/services.ts'
import { signatureVectors } from './hostile/signatures.ts'
import { timeVectors } from './hostile/times.ts'
import { ucantoVectors } from './ucanto.ts'
import { rawVectors } from './valid/raw.ts'
import { writtenVectors } from './valid/written.ts'
import type { Vector, VectorFile } from './vector.ts'

/** The text of each file by its name. The same every time, on every machine. */
export async function vectorFiles(): Promise<Readonly<Record<string, string>>> {
  return {
    'valid.json': textOf([...(await writtenVectors()), ...rawVectors()]),
    'hostile.json': textOf([
      ...containerVectors(),
      ...encodingVectors(),
      ...envelopeVectors(),
      ...didVectors(),
      ...commandVectors(),
      ...serviceVectors(),
      ...chainVectors(),
      ...timeVectors(),
      ...signatureVectors(),
      ...policyVectors(),
      ...policyFormVectors(),
      ...revocationVectors(),
    ]),
    'ucanto.json': textOf(await ucantoVectors()),
  }
}

/** One case a line, so that a change shows as the cases it changes. */
function textOf(cases: readonly Vector[]): string {
  const { version }: VectorFile = { version: 1, cases }
  return `{ "version": ${version}, "cases": [\n${cases.map((vector) => JSON.stringify(vector)).join(',\n')}\n] }\n`
}
