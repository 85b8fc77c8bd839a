//! Rate limits and random faults.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_rds::error::ProvideErrorMetadata;
use aws_sim::{Rates, Weather};

use crate::lab::{A, B, Clients, HERE, Lab, THERE, advance_time, code};

/// Clients without retries.
fn without_retries(lab: &Lab, account: &str, region: &str) -> Clients {
    lab.root_without_retries(account, region)
}

#[tokio::test(start_paused = true)]
async fn rate_limit_counts_per_action_account_and_region_and_refills() {
    let lab = Lab::with(|settings| {
        let slow =
            [("kms:CreateKey", 2), ("rds:DescribeDBInstances", 2), ("sqs:ListQueues", 1), ("sts:GetCallerIdentity", 1)];
        settings.rates = slow.iter().fold(Rates::none(), |rates, (action, rate)| rates.limit(action, *rate));
    });
    let [own, there, other] =
        [(A, HERE), (A, THERE), (B, HERE)].map(|(account, region)| without_retries(&lab, account, region));
    let create = async |clients: &Clients| {
        clients.kms.create_key().send().await.err().map(|error| error.code().unwrap_or_default().to_owned())
    };
    // A call takes 30 ms.
    for _ in 0..2 {
        assert_eq!(create(&own).await, None);
    }
    assert_eq!(create(&own).await.as_deref(), Some("ThrottlingException"));
    assert_eq!((create(&there).await, create(&other).await), (None, None));
    own.kms.list_keys().send().await.unwrap();
    advance_time(Duration::from_millis(500)).await;
    assert_eq!(create(&own).await, None);
    assert_eq!(create(&own).await.as_deref(), Some("ThrottlingException"));
    // The capacity of a bucket is one second's rate.
    advance_time(Duration::from_secs(100)).await;
    for _ in 0..2 {
        assert_eq!(create(&own).await, None);
    }
    assert_eq!(create(&own).await.as_deref(), Some("ThrottlingException"));

    // Each service has its own error code.
    let describe = || own.rds.describe_db_instances().send();
    assert!(describe().await.is_ok() && describe().await.is_ok());
    let refused = describe().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 400);
    assert_eq!((refused.code(), refused.message()), (Some("Throttling"), Some("Rate exceeded")));
    own.sqs.list_queues().send().await.unwrap();
    assert!(own.sqs.list_queues().send().await.unwrap_err().into_service_error().is_request_throttled());
    own.sts.get_caller_identity().send().await.unwrap();
    assert_eq!(code(own.sts.get_caller_identity().send().await), "Throttling");
}

#[tokio::test(start_paused = true)]
async fn replicate_key_counts_as_two_create_keys_in_replica_region() {
    let lab = Lab::with(|settings| settings.rates = Rates::documented().limit("kms:CreateKey", 3));
    let [here, there] = [HERE, THERE].map(|region| without_retries(&lab, A, region));
    let key = here.kms.create_key().multi_region(true).send().await.unwrap().key_metadata.unwrap().key_id;
    advance_time(Duration::from_secs(10)).await;
    here.kms.replicate_key().key_id(&key).replica_region(THERE).send().await.unwrap();
    there.kms.create_key().send().await.unwrap();
    assert_eq!(code(there.kms.create_key().send().await), "ThrottlingException");
    for _ in 0..3 {
        here.kms.create_key().send().await.unwrap();
    }
    assert_eq!(code(here.kms.create_key().send().await), "ThrottlingException");
}

#[tokio::test(start_paused = true)]
async fn documented_rates_limit_kms_only() {
    let lab = Lab::with(|settings| settings.rates = Rates::documented());
    let own = without_retries(&lab, A, HERE);
    let key = own.key().await;
    let cancel = async || code(own.kms.cancel_key_deletion().key_id(&key).send().await);
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(cancel().await);
    }
    assert_eq!(answers.iter().filter(|answer| *answer == "ThrottlingException").count(), 2, "{answers:?}");
    for _ in 0..200 {
        own.rds.describe_db_instances().send().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn cryptographic_operations_share_one_rate_limit() {
    let lab = Lab::with(|settings| settings.rates = Rates::none().limit(Rates::CRYPTOGRAPHIC, 2));
    let own = without_retries(&lab, A, HERE);
    let key = own.key().await;
    let data = || own.kms.generate_data_key().key_id(&key).number_of_bytes(32).send();
    let blob = data().await.unwrap().ciphertext_blob.unwrap();
    own.kms.decrypt().ciphertext_blob(blob).send().await.unwrap();
    assert_eq!(code(data().await), "ThrottlingException");
}

/// The results of a hundred requests, counted.
async fn results_of_hundred_requests(lab: &Lab) -> BTreeMap<String, usize> {
    let own = without_retries(lab, A, HERE);
    let mut ends = BTreeMap::new();
    for _ in 0..100 {
        let end = match own.rds.describe_db_instances().send().await {
            Ok(answer) => format!("{} found", answer.db_instances().len()),
            Err(error) => error.code().unwrap_or("broken").to_owned(),
        };
        *ends.entry(end).or_default() += 1;
    }
    ends
}

#[tokio::test(start_paused = true)]
async fn random_faults_are_determined_by_seed() {
    let rough = |seed| {
        Lab::with(|settings| {
            settings.seed = seed;
            settings.weather = Weather { stale_reads: 4, ..Weather::rough() };
        })
    };
    let lab = rough(1);
    advance_time(Duration::from_secs(100)).await;
    lab.database("orders");
    let ends = results_of_hundred_requests(&lab).await;
    // The database is younger than 30 s all the time, so an old read does not show it.
    let kinds: Vec<&str> = ends.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["0 found", "1 found", "InternalFailure", "Throttling", "broken"], "{ends:?}");
    let calm = |ends: &BTreeMap<String, usize>| ends.get("1 found").copied();
    assert!(calm(&ends).is_some_and(|count| (50..95).contains(&count)), "{ends:?}");
    let again = async |seed| {
        let lab = rough(seed);
        advance_time(Duration::from_secs(100)).await;
        lab.database("orders");
        results_of_hundred_requests(&lab).await
    };
    assert_eq!(again(1).await, ends);
    assert_ne!(again(2).await, ends);
    lab.cloud.change_weather(Weather::calm());
    advance_time(Duration::from_secs(100)).await;
    assert_eq!(calm(&results_of_hundred_requests(&lab).await), Some(100));
}
