//! Processing a request: arrival, authentication, authorization, execution, answer.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request as HttpRequest, Response};
use tokio::sync::Notify;

use crate::answer::{self, Reply};
use crate::authentication::authenticate;
use crate::caller::Caller;
use crate::calls::Trace;
use crate::clock::between;
use crate::fault::{Fault, Outcome};
use crate::fault_injection::FaultInjector;
use crate::history::History;
use crate::observe::{Observer, View};
use crate::request::{Parameters, Request, Service};
use crate::roles::Session;
use crate::world::World;
use crate::{Call, Clock, Ending, Settings, kms, rds, sqs, sts};

/// A simulated AWS. Clones refer to the same one.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    world: Mutex<World>,
    history: Mutex<History>,
    fault_injector: Mutex<FaultInjector>,
    trace: Mutex<Trace>,
    observer: Mutex<Option<Arc<dyn Observer>>>,
    /// Notified when a queue has changed, for long polls.
    queue_changed: Notify,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").finish_non_exhaustive()
    }
}

/// A request that has been entered in the trace but has had no effect.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) call: Call,
    /// `None` when it cannot be determined.
    service: Option<Service>,
    request: Outcome<Request>,
    at: jiff::Timestamp,
    /// How old the state is from which it is answered, if it is a read.
    age: Duration,
}

impl Arrival {
    /// Answers it from the state of `age` ago.
    pub(crate) fn aged(self, age: Duration) -> Self {
        Self { age, ..self }
    }

    pub(crate) fn service(&self) -> Option<Service> {
        self.service
    }
}

impl Cloud {
    /// A simulation without any resources.
    pub fn new(settings: Settings) -> Self {
        Self::of(World::new(settings))
    }

    /// An independent copy of this simulated AWS in its present state. Its trace is empty.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::of(self.present().clone())
    }

    fn of(world: World) -> Self {
        let inner = Inner {
            clock: world.settings.clock,
            fault_injector: Mutex::new(FaultInjector::new(world.settings.weather, world.settings.seed)),
            world: Mutex::new(world),
            history: Mutex::default(),
            trace: Mutex::default(),
            observer: Mutex::default(),
            queue_changed: Notify::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The simulated clock, for use as the time source of its clients.
    pub fn clock(&self) -> Clock {
        self.inner.clock
    }

    /// The trace, in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.trace().calls().to_vec()
    }

    /// The operations that AWS itself has completed so far, in order of time.
    pub fn endings(&self) -> Vec<Ending> {
        self.present().endings.all().to_vec()
    }

    /// Every distinct authorization question with its ruling, as one JSON document each; empty unless
    /// [`Settings::records_questions`].
    pub fn questions(&self) -> Vec<String> {
        self.present().decision_log.questions()
    }

    /// Sets the observer of requests that may change state, and replaces any other. A fork of this cloud has none.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        *self.observer() = Some(observer);
    }

    /// Empties the trace. The numbers continue.
    pub fn forget_calls(&self) {
        self.trace().forget();
    }

    /// Forgets all earlier states: no stale read sees a state from before this instant.
    pub fn forget_history(&self) {
        let mut world = self.present();
        self.history().forget();
        world.changed = true;
    }

    /// The state, advanced to the present, for changes.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.present();
        world.changed = true;
        world
    }

    /// The state, advanced to the present, for reading.
    pub(crate) fn present(&self) -> MutexGuard<'_, World> {
        // A poisoned lock means that a test failed elsewhere: its own message is more useful than a second panic.
        let mut world = self.inner.world.lock().unwrap_or_else(PoisonError::into_inner);
        if world.changed {
            // The state has not been advanced since the change.
            self.history().keep(&world);
            world.changed = false;
        }
        world.advance(self.inner.clock.timestamp());
        world
    }

    pub(crate) fn fault_injector(&self) -> MutexGuard<'_, FaultInjector> {
        self.inner.fault_injector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.inner.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observer(&self) -> MutexGuard<'_, Option<Arc<dyn Observer>>> {
        self.inner.observer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trace(&self) -> MutexGuard<'_, Trace> {
        self.inner.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a request in the trace.
    pub(crate) fn arrive(&self, http: HttpRequest<Bytes>) -> Arrival {
        let service = Service::addressed(&http);
        let request = Request::parse(http);
        let world = self.present();
        let at = world.now;
        let mut call = Call {
            number: 0,
            principal: String::new(),
            account: String::new(),
            region: String::new(),
            service: String::new(),
            action: String::new(),
            mutating: false,
            resources: Vec::new(),
            answer: String::new(),
            rule: String::new(),
            decisions: Vec::new(),
        };
        if let Ok(request) = &request {
            let session = world.principals.session_of(&request.scope.access_key_id);
            request.scope.region.clone_into(&mut call.region);
            request.service.name().clone_into(&mut call.service);
            call.action = format!("{}:{}", request.service.name(), request.action);
            call.mutating = request.mutating();
            if let Some(Session { principal, policies, .. }) = session {
                principal.arn.clone_into(&mut call.principal);
                principal.account.clone_into(&mut call.account);
                let caller = request.caller(principal, policies);
                call.resources = resources(&world, &caller, request);
            }
        }
        drop(world);
        Arrival { call: self.trace().arrive(call), service, request, at, age: Duration::ZERO }
    }

    /// Executes a request, waiting for messages if it is a long poll.
    pub(crate) async fn serve(&self, arrival: Arrival) -> Response<Bytes> {
        let mut caller = None;
        loop {
            let mut queue_changed = pin!(self.inner.queue_changed.notified());
            queue_changed.as_mut().enable();
            match self.attempt(&arrival, &mut caller) {
                Ok(Reply::Later(until)) => {
                    let patience = between(self.inner.clock.timestamp(), until);
                    // The next attempt determines whether a message has arrived or the time is up.
                    let _ = tokio::time::timeout(patience, queue_changed).await;
                }
                Ok(reply) => return self.succeed(&arrival, reply),
                Err(fault) => return self.refuse(&arrival, &fault),
            }
        }
    }

    /// Answers with a refusal, without any effect.
    pub(crate) fn refuse(&self, arrival: &Arrival, fault: &Fault) -> Response<Bytes> {
        self.trace().refused(arrival.call.number, fault);
        answer::refusal(arrival.service, fault, &request_id(&arrival.call))
    }

    /// Records the answer of a call in the trace.
    pub(crate) fn record_answer(&self, call: &Call, answer: &str) {
        self.trace().answered(call.number, answer);
    }

    fn succeed(&self, arrival: &Arrival, reply: Reply) -> Response<Bytes> {
        self.record_answer(&arrival.call, "ok");
        match &arrival.request {
            Ok(request) => answer::success(request.service, &request.action, reply, &request_id(&arrival.call)),
            Err(fault) => self.refuse(arrival, fault),
        }
    }

    fn attempt(&self, arrival: &Arrival, known: &mut Option<Caller>) -> Outcome<Reply> {
        let request = arrival.request.as_ref().map_err(Clone::clone)?;
        let mut world = self.present();
        world.decision_log.begin();
        let observer = self.observer().clone().filter(|_| request.mutating());
        if let Some(observer) = &observer {
            observer.before(&arrival.call, View::of(&world));
        }
        let answer = self.attempt_in(&mut world, arrival, request, known);
        if let (Some(observer), Ok(Reply::Xml(_) | Reply::Json(_))) = (&observer, &answer) {
            observer.after(&arrival.call, View::of(&world));
        }
        // A long poll is authorized at each attempt; the last one is recorded.
        self.trace().decided(arrival.call.number, world.decision_log.take());
        drop(world);
        if request.service == Service::Sqs && request.mutating() && !matches!(answer, Ok(Reply::Later(_))) {
            self.inner.queue_changed.notify_waiters();
        }
        answer
    }

    fn attempt_in(
        &self,
        world: &mut World,
        arrival: &Arrival,
        request: &Request,
        known: &mut Option<Caller>,
    ) -> Outcome<Reply> {
        let caller = if let Some(caller) = known {
            caller
        } else {
            let session = authenticate(&world.principals, world.now, request)?;
            world.count(&session.principal.account, request)?;
            known.insert(request.caller(session.principal, session.policies))
        };
        permit(world, caller, request)?;
        if request.may_be_stale() && !arrival.age.is_zero() {
            let mut then = self.history().before(world, arrival.age)?;
            return route(&mut then, caller, request, arrival.at);
        }
        let reply = route(world, caller, request, arrival.at);
        // Reads do not change RDS and KMS, with one exception: it creates the AWS managed key (KMS API Reference,
        // DescribeKey).
        world.changed |=
            request.service != Service::Sqs && (!request.may_be_stale() || request.action == "DescribeKey");
        reply
    }
}

/// The ARNs that a request names.
fn resources(world: &World, caller: &Caller, request: &Request) -> Vec<String> {
    match &request.parameters {
        Parameters::Query(query) if request.service == Service::Rds => rds::resources(caller, &request.action, query),
        Parameters::Query(query) => query.text("RoleArn").map(str::to_owned).into_iter().collect(),
        Parameters::Json(json) if request.service == Service::Kms => {
            kms::resources(world, caller, &request.action, json)
        }
        Parameters::Json(json) => sqs::resources(caller, json),
    }
}

/// Authorizes the request.
fn permit(world: &World, caller: &Caller, request: &Request) -> Outcome<()> {
    match (&request.parameters, request.service) {
        (Parameters::Query(query), Service::Rds) => rds::permit(world, caller, &request.action, query),
        // GetCallerIdentity needs no permission; AssumeRole evaluates the role's trust policy itself.
        (Parameters::Query(_), _) => Ok(()),
        (Parameters::Json(json), Service::Kms) => kms::permit(world, caller, &request.action, json),
        (Parameters::Json(json), _) => sqs::permit(world, caller, &request.action, json),
    }
}

fn route(world: &mut World, caller: &Caller, request: &Request, at: jiff::Timestamp) -> Outcome<Reply> {
    let action = request.action.as_str();
    match (&request.parameters, request.service) {
        (Parameters::Query(query), Service::Rds) => rds::route(world, caller, action, query).map(Reply::Xml),
        (Parameters::Query(query), _) => sts::route(world, caller, action, query).map(Reply::Xml),
        (Parameters::Json(json), Service::Kms) => kms::route(world, caller, action, json).map(Reply::Json),
        (Parameters::Json(json), _) => sqs::route(world, caller, action, json, at),
    }
}

/// A request id that contains the number of the call.
fn request_id(call: &Call) -> String {
    format!("00000000-0000-4000-8000-{:012}", call.number)
}
