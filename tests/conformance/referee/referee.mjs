// Judges the questions of aws-sim with @cloud-copilot/iam-simulate: a line of JSON in, a line of JSON out.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const EVERYTHING = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

const named = (policies) => policies.map((policy, index) => ({ name: `policy-${index + 1}`, policy }))
const attached = (policies) => (policies.length ? [{ orgIdentifier: 'account', policies: named(policies) }] : [])

// One session policy is all that it takes: of several, the statements count together.
function merged(policies) {
  const statements = policies.flatMap((policy) => policy.Statement)
  return { Version: '2012-10-17', Statement: statements.map(({ Sid, ...rest }) => rest) }
}

// A star in a request stands for "all of the kind" at AWS, and for a search at iam-simulate.
const plain = (resource) => (resource === '*' ? resource : resource.replaceAll('*', 'whatever'))

async function judge(question) {
  const found = await runSimulation(
    {
      request: {
        principal: question.principal,
        action: question.action,
        resource: { resource: plain(question.resource), accountId: question.owner },
        contextVariables: question.context
      },
      identityPolicies: named(question.identity ?? [EVERYTHING]),
      permissionBoundaryPolicies: question.boundary ? named([question.boundary]) : undefined,
      sessionPolicy: question.session ? merged(question.session) : undefined,
      serviceControlPolicies: attached(question.service_controls),
      resourceControlPolicies: attached(question.resource_controls),
      resourcePolicy: question.resource_policy ?? undefined
    },
    { simulationMode: 'Strict' }
  )
  if (found.resultType === 'error') return { error: found.errors }
  if (found.resultType !== 'single') return { error: found.resultType }
  const { analysis, ignoredContextKeys } = found.result
  return { result: analysis.result, blocked: analysis.blockedBy ?? [], ignored: ignoredContextKeys }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = await judge(JSON.parse(line))
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
