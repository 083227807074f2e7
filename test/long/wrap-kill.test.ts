import { killsOfWrap } from '../cli/wrap/kills.ts'

killsOfWrap(1)
