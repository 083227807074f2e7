import { killsOfRotate } from '../../packages/cli/test/cli/home/rotate-kills.ts'

killsOfRotate(true)
