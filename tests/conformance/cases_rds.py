"""Refusals of RDS: databases, snapshots, copies, sharing, restores and tags."""

from __future__ import annotations

from typing import Any

from cases import case
from world import PASSWORD, World, database


def make(w: World, **more: Any) -> Any:
    return w.rds.create_db_instance(**database(**more))


def snap(w: World, name: Any = "first", of: Any = "orders", **more: Any) -> Any:
    return w.rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=of, **more)


def copy(w: World, source: str = "first", target: str = "second", **more: Any) -> Any:
    return w.rds.copy_db_snapshot(SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=target, **more)


def restore(w: World, source: str = "first", name: str = "restored", **more: Any) -> Any:
    return w.rds.restore_db_instance_from_db_snapshot(
        DBSnapshotIdentifier=source, DBInstanceIdentifier=name, **more
    )


def modify(w: World, **more: Any) -> Any:
    return w.rds.modify_db_instance(DBInstanceIdentifier="orders", **more)


def attribute(w: World, add: Any = (), remove: Any = (), name: str = "first", kind: Any = "restore") -> Any:
    values = {"ValuesToAdd": list(add), "ValuesToRemove": list(remove)}
    given = {key: value for key, value in values.items() if value}
    return w.rds.modify_db_snapshot_attribute(DBSnapshotIdentifier=name, AttributeName=kind, **given)


def find(w: World, **more: Any) -> Any:
    return w.rds.describe_db_snapshots(**more)


def snapped(w: World, **more: Any) -> str:
    """Creates a database with one available snapshot, `first`. Returns the snapshot's ARN."""
    w.a.database(**more)
    return w.a.snapshot()


def encrypted(w: World) -> str:
    """The same, encrypted under a new key of the account. Returns the key's ARN."""
    key = w.a.key()
    snapped(w, StorageEncrypted=True, KmsKeyId=key)
    return key


def shared(w: World) -> str:
    """Creates an encrypted snapshot that is shared with B, with a key that B may use. Returns the snapshot's ARN."""
    w.a.admit(encrypted(w), w.b)
    w.a.share("first", w.b.number)
    return w.a.arn("snapshot", "first")


def twice(request: Any) -> None:
    request.data += b"&Version=2014-10-31"


def as_text(request: Any) -> None:
    del request.headers["Content-Type"]
    request.headers["Content-Type"] = "text/plain"


def elsewhere(request: Any) -> None:
    request.url += "rds"


# Parameters in general.

case("rds: unknown parameter", "InvalidParameterValue", 400,
     lambda w: w.a.raw("rds", "DescribeDBInstances", {"Colour": "blue"}), lambda w: w.rds.describe_db_instances())
case("rds: missing required parameter", "MissingParameter", 400,
     lambda w: make(w, Engine=None), lambda w: make(w))
case("rds: invalid boolean", "MalformedInput", 400,
     lambda w: w.a.raw("rds", "DescribeDBSnapshots", {"IncludeShared": "perhaps"}),
     lambda w: find(w, IncludeShared=True))
case("rds: invalid number", "MalformedInput", 400,
     lambda w: make(w, AllocatedStorage="plenty"), lambda w: make(w, AllocatedStorage=20))
case("rds: unknown action", "InvalidAction", 400,
     lambda w: w.a.raw("rds", "DescribeTheWeather", {}), lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: missing action", "MissingAction", 400,
     lambda w: w.a.raw("rds", "", {}), lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: duplicate parameter", "InvalidQueryParameter", 400,
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}, before=twice), lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: list index that starts at 0", "InvalidParameterValue", 400,
     lambda w: w.a.raw("rds", "AddTagsToResource", {"ResourceName": w.it, "Tags.Tag.0.Key": "k"}),
     lambda w: w.a.raw("rds", "AddTagsToResource", {"ResourceName": w.it, "Tags.Tag.1.Key": "k"}),
     setup=lambda w: make(w)["DBInstance"]["DBInstanceArn"])
case("rds: body that is not a form", "MalformedQueryString", 404,
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}, before=as_text),
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: unknown URL path", "UnknownOperationException", 404,
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}, before=elsewhere),
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: page size below 20", "InvalidParameterValue", 400,
     lambda w: find(w, MaxRecords=19), lambda w: find(w, MaxRecords=20))
case("rds: page size above 100", "InvalidParameterValue", 400,
     lambda w: find(w, MaxRecords=101), lambda w: find(w, MaxRecords=100))
case("rds: unknown filter", "InvalidParameterValue", 400,
     lambda w: find(w, Filters=[{"Name": "colour", "Values": ["blue"]}]),
     lambda w: find(w, Filters=[{"Name": "engine", "Values": ["mysql"]}]))
case("rds: filter without values", "InvalidParameterCombination", 400,
     lambda w: w.a.raw("rds", "DescribeDBSnapshots", {"Filters.Filter.1.Name": "engine"}),
     lambda w: find(w, Filters=[{"Name": "engine", "Values": ["mysql"]}]))

# Databases.

for name in ("1orders", "orders-", "or--ders", "or_ders", "o" * 64):
    case(f"rds: invalid database name {name[:9]}", "InvalidParameterValue", 400,
         lambda w, name=name: make(w, DBInstanceIdentifier=name),
         lambda w: make(w, DBInstanceIdentifier="O-rders1".ljust(63, "0")))
case("rds: unknown engine", "InvalidParameterValue", 400,
     lambda w: make(w, Engine="dbase"), lambda w: make(w, Engine="mariadb"))
case("rds: database without storage", "MissingParameter", 400,
     lambda w: make(w, AllocatedStorage=None), lambda w: make(w))
case("rds: storage below the minimum", "InvalidParameterCombination", 400,
     lambda w: make(w, AllocatedStorage=19), lambda w: make(w, AllocatedStorage=20))
case("rds: KMS key without StorageEncrypted", "InvalidParameterCombination", 400,
     lambda w: make(w, KmsKeyId=w.it), lambda w: make(w, KmsKeyId=w.it, StorageEncrypted=True), setup=lambda w: w.a.key())
case("rds: instance class without the prefix db.", "InvalidParameterValue", 400,
     lambda w: make(w, DBInstanceClass="t4g.micro"), lambda w: make(w, DBInstanceClass="db.t4g.micro"))
case("rds: password shorter than 8 characters", "InvalidParameterValue", 400,
     lambda w: make(w, MasterUserPassword="7777777"), lambda w: make(w, MasterUserPassword="88888888"))
case("rds: password with @", "InvalidParameterValue", 400,
     lambda w: make(w, MasterUserPassword="8888888@"), lambda w: make(w, MasterUserPassword="8888888!"))
case("rds: backup retention above 35 days", "InvalidParameterValue", 400,
     lambda w: make(w, BackupRetentionPeriod=36), lambda w: make(w, BackupRetentionPeriod=35))
case("rds: duplicate database name", "DBInstanceAlreadyExists", 400,
     lambda w: make(w, DBInstanceIdentifier="ORDERS"), lambda w: make(w, DBInstanceIdentifier="orders2"),
     setup=lambda w: make(w))
case("rds: more than 40 databases", "InstanceQuotaExceeded", 400,
     lambda w: make(w), lambda w: w.a_there.rds.create_db_instance(**database()),
     setup=lambda w: [make(w, DBInstanceIdentifier=f"orders-{number}") for number in range(40)])
case("rds: unknown database", "DBInstanceNotFound", 404,
     lambda w: w.rds.describe_db_instances(DBInstanceIdentifier="other"),
     lambda w: w.rds.describe_db_instances(DBInstanceIdentifier="orders"), setup=lambda w: make(w))
case("rds: unknown subnet group", "DBSubnetGroupNotFoundFault", 404,
     lambda w: make(w, DBSubnetGroupName="private"), lambda w: make(w, DBSubnetGroupName="default"))
case("rds: unknown security group", "InvalidParameterValue", 400,
     lambda w: make(w, VpcSecurityGroupIds=["sg-1"]), lambda w: make(w, VpcSecurityGroupIds=[w.it]),
     setup=lambda w: w.rds.describe_db_instances(DBInstanceIdentifier=w.a.database("seen").rpartition(":")[2])
     ["DBInstances"][0]["VpcSecurityGroups"][0]["VpcSecurityGroupId"])


def group(w: World, name: str = "private", subnets: Any = ("subnet-1", "subnet-2")) -> Any:
    return w.rds.create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="for tests", SubnetIds=list(subnets)
    )


case("rds: new subnet group named default", "InvalidParameterValue", 400,
     lambda w: group(w, name="default"), lambda w: group(w, name="default2"))
case("rds: subnet group in a single Availability Zone", "DBSubnetGroupDoesNotCoverEnoughAZs", 400,
     lambda w: group(w, subnets=["subnet-1"]), lambda w: group(w))
case("rds: duplicate subnet group name", "DBSubnetGroupAlreadyExists", 400,
     lambda w: group(w, name="Private"), lambda w: group(w, name="public"), setup=lambda w: group(w))
case("rds: description of an unknown subnet group", "DBSubnetGroupNotFoundFault", 404,
     lambda w: w.rds.describe_db_subnet_groups(DBSubnetGroupName="public"),
     lambda w: w.rds.describe_db_subnet_groups(DBSubnetGroupName="private"), setup=lambda w: group(w))

# Modifying and deleting databases.

case("rds: modification of an unknown database", "DBInstanceNotFound", 404,
     lambda w: modify(w, DeletionProtection=True), lambda w: make(w))
case("rds: modification of a database that is being created", "InvalidDBInstanceState", 400,
     lambda w: modify(w, DeletionProtection=True),
     lambda w: w.rds.describe_db_instances(DBInstanceIdentifier="orders"), setup=lambda w: make(w), simulator="still")
case("rds: modification to a managed password with a password", "InvalidParameterCombination", 400,
     lambda w: modify(w, ManageMasterUserPassword=True, MasterUserPassword=PASSWORD),
     lambda w: modify(w, ManageMasterUserPassword=True), setup=lambda w: w.a.database())
case("rds: end of password management without a password", "InvalidParameterCombination", 400,
     lambda w: modify(w, ManageMasterUserPassword=False),
     lambda w: modify(w, ManageMasterUserPassword=False, MasterUserPassword=PASSWORD),
     setup=lambda w: (w.a.database(), modify(w, ManageMasterUserPassword=True),
                      w.rds.get_waiter("db_instance_available").wait(WaiterConfig={"Delay": 0.01})))
case("rds: key for a managed password that does not exist", "InvalidParameterCombination", 400,
     lambda w: modify(w, MasterUserSecretKmsKeyId=w.it),
     lambda w: modify(w, MasterUserSecretKmsKeyId=w.it, ManageMasterUserPassword=True),
     setup=lambda w: (w.a.database(), w.a.key())[1])


def delete(w: World, **more: Any) -> Any:
    return w.rds.delete_db_instance(DBInstanceIdentifier="orders", **more)


case("rds: deletion of an unknown database", "DBInstanceNotFound", 404,
     lambda w: delete(w, SkipFinalSnapshot=True), lambda w: make(w))
case("rds: deletion of a database with deletion protection", "InvalidParameterCombination", 400,
     lambda w: delete(w, SkipFinalSnapshot=True),
     lambda w: (modify(w, DeletionProtection=False), delete(w, SkipFinalSnapshot=True)),
     setup=lambda w: w.a.database(DeletionProtection=True))
case("rds: deletion of a database that is being created", "InvalidDBInstanceState", 400,
     lambda w: delete(w, SkipFinalSnapshot=True), lambda w: make(w, DBInstanceIdentifier="other"),
     setup=lambda w: make(w), simulator="still")
case("rds: deletion without a choice about the final snapshot", "InvalidParameterCombination", 400,
     lambda w: delete(w), lambda w: delete(w, FinalDBSnapshotIdentifier="last"), setup=lambda w: w.a.database())
case("rds: deletion that both skips and names the final snapshot", "InvalidParameterCombination", 400,
     lambda w: delete(w, SkipFinalSnapshot=True, FinalDBSnapshotIdentifier="last"),
     lambda w: delete(w, SkipFinalSnapshot=True), setup=lambda w: w.a.database())

# Snapshots.

case("rds: snapshot of an unknown database", "DBInstanceNotFound", 404,
     lambda w: snap(w, of="other"), lambda w: snap(w), setup=lambda w: w.a.database())
case("rds: snapshot of a cluster member", "InvalidParameterValue", 400,
     lambda w: snap(w, "alone", "member"), lambda w: w.rds.describe_db_instances(DBInstanceIdentifier="member"),
     simulator="seeded")
case("rds: snapshot of a database that is being created", "InvalidDBInstanceState", 400,
     lambda w: snap(w), lambda w: find(w), setup=lambda w: make(w), simulator="still")
case("rds: snapshot name longer than 255 characters", "InvalidParameterValue", 400,
     lambda w: snap(w, "s" * 256), lambda w: snap(w, "s" * 255), setup=lambda w: w.a.database())
case("rds: duplicate snapshot name", "DBSnapshotAlreadyExists", 400,
     lambda w: snap(w, "FIRST"), lambda w: snap(w, "second"), setup=snapped)
case("rds: duplicate name of a copy", "DBSnapshotAlreadyExists", 400,
     lambda w: copy(w, target="first"), lambda w: copy(w), setup=snapped)
case("rds: snapshot under a disabled key", "InvalidDBInstanceState", 400,
     lambda w: snap(w, "second"), lambda w: (w.kms.enable_key(KeyId=w.it), snap(w, "second")),
     setup=lambda w: (key := encrypted(w), w.kms.disable_key(KeyId=key))[0])
case("rds: unknown snapshot", "DBSnapshotNotFound", 404,
     lambda w: find(w, DBSnapshotIdentifier="other"), lambda w: find(w, DBSnapshotIdentifier="first"), setup=snapped)
case("rds: shared snapshot described by name", "DBSnapshotNotFound", 404,
     lambda w: w.b.rds.describe_db_snapshots(DBSnapshotIdentifier="first", IncludeShared=True),
     lambda w: w.b.rds.describe_db_snapshots(DBSnapshotIdentifier=w.it, IncludeShared=True), setup=shared)
case("rds: shared snapshot described without asking for shared ones", "DBSnapshotNotFound", 404,
     lambda w: w.b.rds.describe_db_snapshots(DBSnapshotIdentifier=w.it),
     lambda w: w.b.rds.describe_db_snapshots(DBSnapshotIdentifier=w.it, SnapshotType="shared"), setup=shared)
case("rds: unknown snapshot type", "InvalidParameterValue", 400,
     lambda w: find(w, SnapshotType="blue"), lambda w: find(w, SnapshotType="automated"))
case("rds: DbiResourceId together with a snapshot name", "InvalidParameterCombination", 400,
     lambda w: find(w, DbiResourceId="db-1", DBSnapshotIdentifier="first"), lambda w: find(w, DbiResourceId="db-1"),
     setup=snapped)
case("rds: more than 100 manual snapshots", "SnapshotQuotaExceeded", 400,
     lambda w: snap(w, "one-more"),
     lambda w: (w.rds.delete_db_snapshot(DBSnapshotIdentifier="first"), snap(w, "one-more")),
     setup=lambda w: (snapped(w), [w.a.snapshot(f"snapshot-{number}") for number in range(99)]))
case("rds: deletion of a snapshot that is being created", "InvalidDBSnapshotState", 400,
     lambda w: w.rds.delete_db_snapshot(DBSnapshotIdentifier="first"),
     lambda w: (w.a.available("first"), w.rds.delete_db_snapshot(DBSnapshotIdentifier="first")),
     setup=lambda w: (w.a.database(), snap(w)), simulator="slow")
case("rds: deletion of another account's snapshot", "DBSnapshotNotFound", 404,
     lambda w: w.b.rds.delete_db_snapshot(DBSnapshotIdentifier="first"),
     lambda w: w.rds.delete_db_snapshot(DBSnapshotIdentifier="first"), setup=shared)

# Copies.

case("rds: copy of an unknown snapshot", "DBSnapshotNotFound", 404,
     lambda w: copy(w, "other"), lambda w: copy(w), setup=snapped)
case("rds: copy of a snapshot that is being created", "InvalidDBSnapshotState", 400,
     lambda w: copy(w), lambda w: (w.a.available("first"), copy(w)),
     setup=lambda w: (w.a.database(), snap(w)), simulator="slow")
case("rds: ARN of another resource type as copy source", "InvalidParameterValue", 400,
     lambda w: copy(w, w.a.arn("db", "orders")), lambda w: copy(w, w.a.arn("snapshot", "first")), setup=snapped)
case("rds: copy of another account's snapshot that is not shared", "DBSnapshotNotFound", 404,
     lambda w: copy_of(w.b, w), lambda w: (w.a.share("first", w.b.number), copy_of(w.b, w)),
     setup=lambda w: (w.a.admit(encrypted(w), w.b), w.b.key())[1])
case("rds: copy of a shared snapshot whose key policy does not allow the caller", "KMSKeyNotAccessibleFault", 400,
     lambda w: copy_of(w.b, w), lambda w: (w.a.admit(w.it[0], w.b), copy_of(w.b, w)),
     setup=lambda w: (encrypted(w), w.a.share("first", w.b.number), w.b.key())[::2])
case("rds: copy of a shared encrypted snapshot without a key", "KMSKeyNotAccessibleFault", 400,
     lambda w: copy_of(w.b, w, KmsKeyId=""), lambda w: copy_of(w.b, w, KmsKeyId=w.b.key()), setup=shared)
case("rds: encrypted copy across Regions without a key", "InvalidParameterValue", 400,
     lambda w: copy_there(w), lambda w: copy_there(w, KmsKeyId=w.a_there.key()), setup=encrypted)
case("rds: copy under a key of another Region", "KMSKeyNotAccessibleFault", 400,
     lambda w: copy_there(w, KmsKeyId=w.it), lambda w: copy_there(w, KmsKeyId=w.a_there.key()), setup=encrypted)
case("rds: copy under a disabled key", "KMSKeyNotAccessibleFault", 400,
     lambda w: copy(w, KmsKeyId=w.it), lambda w: (w.kms.enable_key(KeyId=w.it), copy(w, KmsKeyId=w.it)),
     setup=lambda w: (snapped(w), key := w.a.key(), w.kms.disable_key(KeyId=key))[1])
case("rds: encrypted copy across accounts and Regions at once", "InvalidParameterValue", 400,
     lambda w: copy_of(w.b_there, w, KmsKeyId=w.b_there.key()), lambda w: copy_of(w.b, w, KmsKeyId=w.b.key()),
     setup=shared)
case("rds: more than 20 copies in progress", "SnapshotQuotaExceeded", 400,
     lambda w: copy(w, target="one-more"),
     lambda w: (w.rds.delete_db_snapshot(DBSnapshotIdentifier="copy-0"), copy(w, target="one-more")),
     setup=lambda w: (snapped(w), [copy(w, target=f"copy-{number}") for number in range(20)]), simulator="slow")


def copy_of(account: Any, w: World, **more: Any) -> Any:
    """Copies A's snapshot `first` as another account; by default under the key that is `w.it` or its last element."""
    key = w.it if isinstance(w.it, str) else w.it[-1]
    return account.rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier=w.a.arn("snapshot", "first"), TargetDBSnapshotIdentifier="second",
        **{"KmsKeyId": key, **more}
    )


def copy_there(w: World, **more: Any) -> Any:
    source = w.a.arn("snapshot", "first")
    return w.a_there.rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier="second", **more
    )


# Sharing.

case("rds: sharing of an automated snapshot", "InvalidParameterValue", 400,
     lambda w: attribute(w, ["all"], name="rds:orders-2026-01-01-00-00"), lambda w: attribute(w, ["all"]), setup=snapped)
case("rds: unknown snapshot attribute", "InvalidParameterValue", 400,
     lambda w: attribute(w, [w.b.number], kind="copy"), lambda w: attribute(w, [w.b.number]), setup=snapped)
case("rds: account id of 11 digits", "InvalidParameterValue", 400,
     lambda w: attribute(w, ["12345678901"]), lambda w: attribute(w, ["123456789012"]), setup=snapped)
case("rds: attribute change without values", "InvalidParameterCombination", 400,
     lambda w: attribute(w), lambda w: attribute(w, remove=[w.b.number]), setup=snapped)
case("rds: account both added and removed", "InvalidParameterCombination", 400,
     lambda w: attribute(w, [w.b.number], [w.b.number]), lambda w: attribute(w, [w.b.number], [w.a.number]),
     setup=snapped)
case("rds: sharing of a snapshot that is being created", "InvalidDBSnapshotState", 400,
     lambda w: attribute(w, [w.b.number]), lambda w: (w.a.available("first"), attribute(w, [w.b.number])),
     setup=lambda w: (w.a.database(), snap(w)), simulator="slow")
case("rds: sharing with more than 20 accounts", "SharedSnapshotQuotaExceeded", 400,
     lambda w: attribute(w, [w.b.number]), lambda w: attribute(w, [w.b.number], ["200000000000"]),
     setup=lambda w: (snapped(w), attribute(w, [f"{200_000_000_000 + number}" for number in range(20)])))
case("rds: public sharing of an encrypted snapshot", "InvalidParameterValue", 400,
     lambda w: attribute(w, ["all"]), lambda w: attribute(w, [w.b.number]), setup=encrypted)
case("rds: sharing of a snapshot under aws/rds", "InvalidParameterValue", 400,
     lambda w: attribute(w, [w.b.number]),
     lambda w: (w.a.copy("first", "second", KmsKeyId=w.a.key()), attribute(w, [w.b.number], name="second")),
     setup=lambda w: snapped(w, StorageEncrypted=True))
case("rds: sharing of an unknown snapshot", "DBSnapshotNotFound", 404,
     lambda w: attribute(w, [w.b.number], name="other"), lambda w: attribute(w, [w.b.number]), setup=snapped)
case("rds: attributes of an unknown snapshot", "DBSnapshotNotFound", 404,
     lambda w: w.rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="other"),
     lambda w: w.rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="first"), setup=snapped)
case("rds: description of another account's database", "AccessDenied", 403,
     lambda w: w.b.rds.describe_db_instances(DBInstanceIdentifier=w.it),
     lambda w: w.rds.describe_db_instances(DBInstanceIdentifier=w.it), setup=lambda w: w.a.database())

# Restoring.

case("rds: restore of an unknown snapshot", "DBSnapshotNotFound", 404,
     lambda w: restore(w, "other"), lambda w: restore(w), setup=snapped)
case("rds: restore of a snapshot that is being created", "InvalidDBSnapshotState", 400,
     lambda w: restore(w), lambda w: (w.a.available("first"), restore(w)),
     setup=lambda w: (w.a.database(), snap(w)), simulator="slow")
case("rds: restore under a duplicate database name", "DBInstanceAlreadyExists", 400,
     lambda w: restore(w, name="orders"), lambda w: restore(w), setup=snapped)
case("rds: restore of a snapshot under a disabled key", "KMSKeyNotAccessibleFault", 400,
     restore, lambda w: (w.kms.enable_key(KeyId=w.it), restore(w)),
     setup=lambda w: (made := encrypted(w), w.kms.disable_key(KeyId=made))[0])
case("rds: restore with another engine", "InvalidParameterValue", 400,
     lambda w: restore(w, Engine="mysql"), lambda w: restore(w, Engine="postgres"), setup=snapped)
case("rds: restore of another account's snapshot that is not shared", "DBSnapshotNotFound", 404,
     lambda w: w.b.rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier=w.it, DBInstanceIdentifier="orders"),
     lambda w: (w.a.share("first", w.b.number), w.b.rds.restore_db_instance_from_db_snapshot(
         DBSnapshotIdentifier=w.it, DBInstanceIdentifier="orders")), setup=snapped)
case("rds: restore of a shared encrypted snapshot", "InvalidRestoreFault", 400,
     lambda w: w.b.rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier=w.it, DBInstanceIdentifier="orders"),
     lambda w: (w.b.copy(w.it, "own", KmsKeyId=w.b.key()), w.b.rds.restore_db_instance_from_db_snapshot(
         DBSnapshotIdentifier="own", DBInstanceIdentifier="orders")), setup=shared)

# Tags.


def tag(w: World, *tags: tuple[str, str], of: str = "") -> Any:
    pairs = [{"Key": key, "Value": value} for key, value in tags]
    return w.rds.add_tags_to_resource(ResourceName=of or w.a.arn("db", "orders"), Tags=pairs)


case("rds: reserved tag prefix aws:", "InvalidParameterValue", 400,
     lambda w: tag(w, ("aws:owner", "me")), lambda w: tag(w, ("awsowner", "me")), setup=lambda w: make(w))
case("rds: invalid character in a tag", "InvalidParameterValue", 400,
     lambda w: tag(w, ("owner", "me & you")), lambda w: tag(w, ("owner", "me + you")), setup=lambda w: make(w))
case("rds: more than 50 tags", "InvalidParameterValue", 400,
     lambda w: tag(w, ("one", "more")), lambda w: tag(w, ("number-0", "again")),
     setup=lambda w: (make(w), tag(w, *((f"number-{number}", "") for number in range(50)))))
case("rds: duplicate tag key", "InvalidParameterValue", 400,
     lambda w: tag(w, ("owner", "me"), ("owner", "you")), lambda w: tag(w, ("owner", "me"), ("Owner", "you")),
     setup=lambda w: make(w))
case("rds: tagging by name in place of an ARN", "InvalidParameterValue", 400,
     lambda w: tag(w, ("owner", "me"), of="orders"), lambda w: tag(w, ("owner", "me")), setup=lambda w: make(w))
case("rds: tagging of an unknown resource type", "InvalidParameterValue", 400,
     lambda w: tag(w, ("owner", "me"), of=w.a.arn("weather", "orders")), lambda w: tag(w, ("owner", "me")),
     setup=lambda w: make(w))
case("rds: tagging of an unknown database", "DBInstanceNotFound", 404,
     lambda w: tag(w, ("owner", "me"), of=w.a.arn("db", "other")), lambda w: tag(w, ("owner", "me")),
     setup=lambda w: make(w))
case("rds: tagging of an unknown snapshot", "DBSnapshotNotFound", 404,
     lambda w: tag(w, ("owner", "me"), of=w.a.arn("snapshot", "first")), lambda w: tag(w, ("owner", "me")),
     setup=lambda w: make(w))
case("rds: tagging without tags", "MissingParameter", 400,
     lambda w: tag(w), lambda w: tag(w, ("owner", "")), setup=lambda w: make(w))
case("rds: untagging without tag keys", "MissingParameter", 400,
     lambda w: w.rds.remove_tags_from_resource(ResourceName=w.it, TagKeys=[]),
     lambda w: w.rds.remove_tags_from_resource(ResourceName=w.it, TagKeys=["owner"]),
     setup=lambda w: make(w)["DBInstance"]["DBInstanceArn"])
case("rds: tags of another account's database", "AccessDenied", 403,
     lambda w: w.b.rds.list_tags_for_resource(ResourceName=w.it),
     lambda w: w.rds.list_tags_for_resource(ResourceName=w.it),
     setup=lambda w: make(w)["DBInstance"]["DBInstanceArn"])
case("rds: request above the rate limit", "Throttling", 400,
     lambda w: w.rds.describe_db_instances(), lambda w: w.rds.describe_db_snapshots(),
     setup=lambda w: w.rds.describe_db_instances(), simulator="busy")
