import { beginEvaluation } from '../../capability/policy/evaluation.ts'
import { isLimit, placesOf, unitsOf } from '../../capability/policy/limit.ts'
import { compileSelector } from '../../capability/policy/resolve.ts'
import { parseSelector } from '../../capability/policy/selector.ts'
import { openEnvelope } from '../../envelope/open.ts'
import { StoreError } from '../../errors.ts'
import { cidTextOfKey, digestKey } from '../../ipld/cid.ts'
import { unlessAborted } from '../../support/abort.ts'
import { secondsOf, showTime } from '../../time.ts'
import { linkName } from '../chain.ts'
import { claimOf } from '../checks/replay.ts'
import { checkRevocation, idsOf } from '../checks/revocation.ts'
import { checkLinkSignatures } from '../checks/signatures.ts'
import { wait, waitUnlessAborted } from '../machinery/steps.ts'

/**
 * The functions that the counter shares with the rest of the library. It imports none of them: a bundler would put them
 * into further files, and each program without limits would load 1.1 KiB more (decision 071).
 */
export interface Core {
  readonly beginEvaluation: typeof beginEvaluation
  readonly checkLinkSignatures: typeof checkLinkSignatures
  readonly checkRevocation: typeof checkRevocation
  readonly cidTextOfKey: typeof cidTextOfKey
  readonly claimOf: typeof claimOf
  readonly compileSelector: typeof compileSelector
  readonly digestKey: typeof digestKey
  readonly isLimit: typeof isLimit
  readonly linkName: typeof linkName
  readonly idsOf: typeof idsOf
  readonly openEnvelope: typeof openEnvelope
  readonly parseSelector: typeof parseSelector
  readonly placesOf: typeof placesOf
  readonly secondsOf: typeof secondsOf
  readonly showTime: typeof showTime
  readonly StoreError: typeof StoreError
  readonly unitsOf: typeof unitsOf
  readonly unlessAborted: typeof unlessAborted
  readonly wait: typeof wait
  readonly waitUnlessAborted: typeof waitUnlessAborted
}

/** The same, bound to the files that export them. */
export const core: Core = Object.freeze({
  beginEvaluation,
  checkLinkSignatures,
  checkRevocation,
  cidTextOfKey,
  claimOf,
  compileSelector,
  digestKey,
  isLimit,
  linkName,
  idsOf,
  openEnvelope,
  parseSelector,
  placesOf,
  secondsOf,
  showTime,
  StoreError,
  unitsOf,
  unlessAborted,
  wait,
  waitUnlessAborted,
})
