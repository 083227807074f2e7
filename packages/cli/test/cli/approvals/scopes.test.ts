import { describe } from 'vitest'
import { shortRuns } from '../../../../../test/property/runs.ts'
import { scopesAreNarrow } from './scope-properties.ts'

describe('the scopes of an approval', { timeout: 120_000 }, () => {
  scopesAreNarrow(shortRuns(5_000, 1))
})
