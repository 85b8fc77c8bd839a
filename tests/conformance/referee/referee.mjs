// Evaluates the authorization questions of aws-sim with @cloud-copilot/iam-simulate: one line of JSON in, one line of JSON out.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const EVERYTHING = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

const named = (policies) => policies.map((policy, index) => ({ name: `policy-${index + 1}`, policy }))
const attached = (policies) => (policies.length ? [{ orgIdentifier: 'account', policies: named(policies) }] : [])

// iam-simulate accepts only one session policy, so the statements of several are merged.
function merged(policies) {
  const statements = policies.flatMap((policy) => policy.Statement)
  return { Version: '2012-10-17', Statement: statements.map(({ Sid, ...rest }) => rest) }
}

// AWS treats * in the resource of a request as "all resources of the type", iam-simulate as a search pattern.
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
