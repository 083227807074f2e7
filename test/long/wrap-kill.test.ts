import { killsOfWrap } from '../../packages/cli/test/cli/wrap/kills.ts'

killsOfWrap(1)
