import { describe } from 'vitest'
import { scopesAreNarrow } from '../../packages/cli/test/cli/approvals/scope-properties.ts'
import { longRuns } from '../property/runs.ts'

describe('the scopes of an approval, many runs', () => {
  scopesAreNarrow(longRuns(100_000))
})
