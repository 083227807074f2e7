import { killsOfPolicy } from '../../packages/cli/test/cli/policy/kills.ts'

killsOfPolicy(true)
