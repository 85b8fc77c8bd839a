//! The verdict.
use crate::show::Show;
use crate::stage::Stage;
/// judge
pub async fn judge(stage: &Stage, show: &Show) -> bool {
    show.check(true, &format!("{:?}", stage.content(crate::side::Side::B)));
    for call in stage.cloud.calls() {
        show.say(&format!("{} {} {} {} {}", call.account, call.region, call.action, call.answer, call.resources.join(" ")));
    }
    true
}
