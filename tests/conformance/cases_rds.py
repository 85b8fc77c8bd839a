"""What RDS refuses about databases and snapshots."""

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
    """A database with one finished snapshot, `first`."""
    w.a.database(**more)
    return w.a.snapshot()


def encrypted(w: World) -> str:
    """The same, under a key of the account's own, which is returned."""
    key = w.a.key()
    snapped(w, StorageEncrypted=True, KmsKeyId=key)
    return key


def shared(w: World) -> str:
    """An encrypted snapshot that B sees and may read; its ARN."""
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

case("rds: a parameter that the action lacks", "InvalidParameterValue", 400,
     lambda w: w.a.raw("rds", "DescribeDBInstances", {"Colour": "blue"}), lambda w: w.rds.describe_db_instances())
case("rds: a parameter that is required", "MissingParameter", 400,
     lambda w: make(w, Engine=None), lambda w: make(w))
case("rds: a boolean is true or false", "MalformedInput", 400,
     lambda w: w.a.raw("rds", "DescribeDBSnapshots", {"IncludeShared": "perhaps"}),
     lambda w: find(w, IncludeShared=True))
case("rds: a number is digits", "MalformedInput", 400,
     lambda w: make(w, AllocatedStorage="plenty"), lambda w: make(w, AllocatedStorage=20))
case("rds: an action that there is not", "InvalidAction", 400,
     lambda w: w.a.raw("rds", "DescribeTheWeather", {}), lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: an action at all", "MissingAction", 400,
     lambda w: w.a.raw("rds", "", {}), lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: a parameter comes once", "InvalidQueryParameter", 400,
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}, before=twice), lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: a list is spelt as one", "InvalidParameterValue", 400,
     lambda w: w.a.raw("rds", "AddTagsToResource", {"ResourceName": w.it, "Tags.Tag.0.Key": "k"}),
     lambda w: w.a.raw("rds", "AddTagsToResource", {"ResourceName": w.it, "Tags.Tag.1.Key": "k"}),
     given=lambda w: make(w)["DBInstance"]["DBInstanceArn"])
case("rds: a body is a form", "MalformedQueryString", 404,
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}, before=as_text),
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: nothing is elsewhere", "UnknownOperationException", 404,
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}, before=elsewhere),
     lambda w: w.a.raw("rds", "DescribeDBInstances", {}))
case("rds: a page has at least 20", "InvalidParameterValue", 400,
     lambda w: find(w, MaxRecords=19), lambda w: find(w, MaxRecords=20))
case("rds: a page has at most 100", "InvalidParameterValue", 400,
     lambda w: find(w, MaxRecords=101), lambda w: find(w, MaxRecords=100))
case("rds: a filter that the action lacks", "InvalidParameterValue", 400,
     lambda w: find(w, Filters=[{"Name": "colour", "Values": ["blue"]}]),
     lambda w: find(w, Filters=[{"Name": "engine", "Values": ["mysql"]}]))
case("rds: a filter has values", "InvalidParameterCombination", 400,
     lambda w: w.a.raw("rds", "DescribeDBSnapshots", {"Filters.Filter.1.Name": "engine"}),
     lambda w: find(w, Filters=[{"Name": "engine", "Values": ["mysql"]}]))

# Databases.

for name in ("1orders", "orders-", "or--ders", "or_ders", "o" * 64):
    case(f"rds: no database is called {name[:9]}", "InvalidParameterValue", 400,
         lambda w, name=name: make(w, DBInstanceIdentifier=name),
         lambda w: make(w, DBInstanceIdentifier="O-rders1".ljust(63, "0")))
case("rds: an engine that there is not", "InvalidParameterValue", 400,
     lambda w: make(w, Engine="dbase"), lambda w: make(w, Engine="mariadb"))
case("rds: a database needs storage", "MissingParameter", 400,
     lambda w: make(w, AllocatedStorage=None), lambda w: make(w))
case("rds: storage has a least", "InvalidParameterCombination", 400,
     lambda w: make(w, AllocatedStorage=19), lambda w: make(w, AllocatedStorage=20))
case("rds: a key encrypts only what is to be encrypted", "InvalidParameterCombination", 400,
     lambda w: make(w, KmsKeyId=w.it), lambda w: make(w, KmsKeyId=w.it, StorageEncrypted=True), given=lambda w: w.a.key())
case("rds: a class begins with db", "InvalidParameterValue", 400,
     lambda w: make(w, DBInstanceClass="t4g.micro"), lambda w: make(w, DBInstanceClass="db.t4g.micro"))
case("rds: a password has 8 characters", "InvalidParameterValue", 400,
     lambda w: make(w, MasterUserPassword="7777777"), lambda w: make(w, MasterUserPassword="88888888"))
case("rds: a password holds no @", "InvalidParameterValue", 400,
     lambda w: make(w, MasterUserPassword="8888888@"), lambda w: make(w, MasterUserPassword="8888888!"))
case("rds: backups are kept for 35 days", "InvalidParameterValue", 400,
     lambda w: make(w, BackupRetentionPeriod=36), lambda w: make(w, BackupRetentionPeriod=35))
case("rds: the name of a database is taken", "DBInstanceAlreadyExists", 400,
     lambda w: make(w, DBInstanceIdentifier="ORDERS"), lambda w: make(w, DBInstanceIdentifier="orders2"),
     given=lambda w: make(w))
case("rds: 40 databases", "InstanceQuotaExceeded", 400,
     lambda w: make(w), lambda w: w.a_there.rds.create_db_instance(**database()),
     given=lambda w: [make(w, DBInstanceIdentifier=f"orders-{number}") for number in range(40)])
case("rds: a database that there is not", "DBInstanceNotFound", 404,
     lambda w: w.rds.describe_db_instances(DBInstanceIdentifier="other"),
     lambda w: w.rds.describe_db_instances(DBInstanceIdentifier="orders"), given=lambda w: make(w))
case("rds: a subnet group that there is not", "DBSubnetGroupNotFoundFault", 404,
     lambda w: make(w, DBSubnetGroupName="private"), lambda w: make(w, DBSubnetGroupName="default"))
case("rds: a security group that there is not", "InvalidParameterValue", 400,
     lambda w: make(w, VpcSecurityGroupIds=["sg-1"]), lambda w: make(w, VpcSecurityGroupIds=[w.it]),
     given=lambda w: w.rds.describe_db_instances(DBInstanceIdentifier=w.a.database("seen").rpartition(":")[2])
     ["DBInstances"][0]["VpcSecurityGroups"][0]["VpcSecurityGroupId"])


def group(w: World, name: str = "private", subnets: Any = ("subnet-1", "subnet-2")) -> Any:
    return w.rds.create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="for tests", SubnetIds=list(subnets)
    )


case("rds: default is no name of a subnet group", "InvalidParameterValue", 400,
     lambda w: group(w, name="default"), lambda w: group(w, name="default2"))
case("rds: a subnet group covers two zones", "DBSubnetGroupDoesNotCoverEnoughAZs", 400,
     lambda w: group(w, subnets=["subnet-1"]), lambda w: group(w))
case("rds: the name of a subnet group is taken", "DBSubnetGroupAlreadyExists", 400,
     lambda w: group(w, name="Private"), lambda w: group(w, name="public"), given=lambda w: group(w))
case("rds: a subnet group to be described exists", "DBSubnetGroupNotFoundFault", 404,
     lambda w: w.rds.describe_db_subnet_groups(DBSubnetGroupName="public"),
     lambda w: w.rds.describe_db_subnet_groups(DBSubnetGroupName="private"), given=lambda w: group(w))

# Modifying and deleting databases.

case("rds: what is modified exists", "DBInstanceNotFound", 404,
     lambda w: modify(w, DeletionProtection=True), lambda w: make(w))
case("rds: what is modified is available", "InvalidDBInstanceState", 400,
     lambda w: modify(w, DeletionProtection=True),
     lambda w: w.rds.describe_db_instances(DBInstanceIdentifier="orders"), given=lambda w: make(w), pace="still")
case("rds: no password beside a managed one", "InvalidParameterCombination", 400,
     lambda w: modify(w, ManageMasterUserPassword=True, MasterUserPassword=PASSWORD),
     lambda w: modify(w, ManageMasterUserPassword=True), given=lambda w: w.a.database())
case("rds: a password instead of the managed one", "InvalidParameterCombination", 400,
     lambda w: modify(w, ManageMasterUserPassword=False),
     lambda w: modify(w, ManageMasterUserPassword=False, MasterUserPassword=PASSWORD),
     given=lambda w: (w.a.database(), modify(w, ManageMasterUserPassword=True),
                      w.rds.get_waiter("db_instance_available").wait(WaiterConfig={"Delay": 0.01})))
case("rds: a key for a secret that there is not", "InvalidParameterCombination", 400,
     lambda w: modify(w, MasterUserSecretKmsKeyId=w.it),
     lambda w: modify(w, MasterUserSecretKmsKeyId=w.it, ManageMasterUserPassword=True),
     given=lambda w: (w.a.database(), w.a.key())[1])


def delete(w: World, **more: Any) -> Any:
    return w.rds.delete_db_instance(DBInstanceIdentifier="orders", **more)


case("rds: what is deleted exists", "DBInstanceNotFound", 404,
     lambda w: delete(w, SkipFinalSnapshot=True), lambda w: make(w))
case("rds: what is protected is not deleted", "InvalidParameterCombination", 400,
     lambda w: delete(w, SkipFinalSnapshot=True),
     lambda w: (modify(w, DeletionProtection=False), delete(w, SkipFinalSnapshot=True)),
     given=lambda w: w.a.database(DeletionProtection=True))
case("rds: what is being created is not deleted", "InvalidDBInstanceState", 400,
     lambda w: delete(w, SkipFinalSnapshot=True), lambda w: make(w, DBInstanceIdentifier="other"),
     given=lambda w: make(w), pace="still")
case("rds: a last snapshot, or none", "InvalidParameterCombination", 400,
     lambda w: delete(w), lambda w: delete(w, FinalDBSnapshotIdentifier="last"), given=lambda w: w.a.database())
case("rds: a last snapshot or none, not both", "InvalidParameterCombination", 400,
     lambda w: delete(w, SkipFinalSnapshot=True, FinalDBSnapshotIdentifier="last"),
     lambda w: delete(w, SkipFinalSnapshot=True), given=lambda w: w.a.database())

# Snapshots.

case("rds: a snapshot is of something", "DBInstanceNotFound", 404,
     lambda w: snap(w, of="other"), lambda w: snap(w), given=lambda w: w.a.database())
case("rds: a member of a cluster is backed up with it", "InvalidParameterValue", 400,
     lambda w: snap(w, "alone", "member"), lambda w: w.rds.describe_db_instances(DBInstanceIdentifier="member"),
     pace="seeded")
case("rds: a snapshot of what is available", "InvalidDBInstanceState", 400,
     lambda w: snap(w), lambda w: find(w), given=lambda w: make(w), pace="still")
case("rds: a snapshot has 255 characters", "InvalidParameterValue", 400,
     lambda w: snap(w, "s" * 256), lambda w: snap(w, "s" * 255), given=lambda w: w.a.database())
case("rds: the name of a snapshot is taken", "DBSnapshotAlreadyExists", 400,
     lambda w: snap(w, "FIRST"), lambda w: snap(w, "second"), given=snapped)
case("rds: the name of a copy is taken", "DBSnapshotAlreadyExists", 400,
     lambda w: copy(w, target="first"), lambda w: copy(w), given=snapped)
case("rds: no snapshot under a key that is switched off", "InvalidDBInstanceState", 400,
     lambda w: snap(w, "second"), lambda w: (w.kms.enable_key(KeyId=w.it), snap(w, "second")),
     given=lambda w: (key := encrypted(w), w.kms.disable_key(KeyId=key))[0])
case("rds: a snapshot that there is not", "DBSnapshotNotFound", 404,
     lambda w: find(w, DBSnapshotIdentifier="other"), lambda w: find(w, DBSnapshotIdentifier="first"), given=snapped)
case("rds: a shared snapshot is found by ARN alone", "DBSnapshotNotFound", 404,
     lambda w: w.b.rds.describe_db_snapshots(DBSnapshotIdentifier="first", IncludeShared=True),
     lambda w: w.b.rds.describe_db_snapshots(DBSnapshotIdentifier=w.it, IncludeShared=True), given=shared)
case("rds: a shared snapshot is found only where it is asked for", "DBSnapshotNotFound", 404,
     lambda w: w.b.rds.describe_db_snapshots(DBSnapshotIdentifier=w.it),
     lambda w: w.b.rds.describe_db_snapshots(DBSnapshotIdentifier=w.it, SnapshotType="shared"), given=shared)
case("rds: a type of snapshots that there is not", "InvalidParameterValue", 400,
     lambda w: find(w, SnapshotType="blue"), lambda w: find(w, SnapshotType="automated"))
case("rds: a resource id beside a name", "InvalidParameterCombination", 400,
     lambda w: find(w, DbiResourceId="db-1", DBSnapshotIdentifier="first"), lambda w: find(w, DbiResourceId="db-1"),
     given=snapped)
case("rds: 100 snapshots", "SnapshotQuotaExceeded", 400,
     lambda w: snap(w, "one-more"),
     lambda w: (w.rds.delete_db_snapshot(DBSnapshotIdentifier="first"), snap(w, "one-more")),
     given=lambda w: (snapped(w), [w.a.snapshot(f"snapshot-{number}") for number in range(99)]))
case("rds: a snapshot is deleted when it is whole", "InvalidDBSnapshotState", 400,
     lambda w: w.rds.delete_db_snapshot(DBSnapshotIdentifier="first"),
     lambda w: (w.a.available("first"), w.rds.delete_db_snapshot(DBSnapshotIdentifier="first")),
     given=lambda w: (w.a.database(), snap(w)), pace="slow")
case("rds: another's snapshot is not deleted", "DBSnapshotNotFound", 404,
     lambda w: w.b.rds.delete_db_snapshot(DBSnapshotIdentifier="first"),
     lambda w: w.rds.delete_db_snapshot(DBSnapshotIdentifier="first"), given=shared)

# Copies.

case("rds: what is copied exists", "DBSnapshotNotFound", 404,
     lambda w: copy(w, "other"), lambda w: copy(w), given=snapped)
case("rds: what is copied is whole", "InvalidDBSnapshotState", 400,
     lambda w: copy(w), lambda w: (w.a.available("first"), copy(w)),
     given=lambda w: (w.a.database(), snap(w)), pace="slow")
case("rds: a snapshot's ARN is one", "InvalidParameterValue", 400,
     lambda w: copy(w, w.a.arn("db", "orders")), lambda w: copy(w, w.a.arn("snapshot", "first")), given=snapped)
case("rds: another's snapshot is copied when it is shared", "DBSnapshotNotFound", 404,
     lambda w: copy_of(w.b, w), lambda w: (w.a.share("first", w.b.number), copy_of(w.b, w)),
     given=lambda w: (w.a.admit(encrypted(w), w.b), w.b.key())[1])
case("rds: the key of a shared source lets one in", "KMSKeyNotAccessibleFault", 400,
     lambda w: copy_of(w.b, w), lambda w: (w.a.admit(w.it[0], w.b), copy_of(w.b, w)),
     given=lambda w: (encrypted(w), w.a.share("first", w.b.number), w.b.key())[::2])
case("rds: a copy of a shared source has a key", "KMSKeyNotAccessibleFault", 400,
     lambda w: copy_of(w.b, w, KmsKeyId=""), lambda w: copy_of(w.b, w, KmsKeyId=w.b.key()), given=shared)
case("rds: a copy across Regions has a key of that Region", "InvalidParameterValue", 400,
     lambda w: copy_there(w), lambda w: copy_there(w, KmsKeyId=w.a_there.key()), given=encrypted)
case("rds: another Region's key is none", "KMSKeyNotAccessibleFault", 400,
     lambda w: copy_there(w, KmsKeyId=w.it), lambda w: copy_there(w, KmsKeyId=w.a_there.key()), given=encrypted)
case("rds: a key that is switched off is none", "KMSKeyNotAccessibleFault", 400,
     lambda w: copy(w, KmsKeyId=w.it), lambda w: (w.kms.enable_key(KeyId=w.it), copy(w, KmsKeyId=w.it)),
     given=lambda w: (snapped(w), key := w.a.key(), w.kms.disable_key(KeyId=key))[1])
case("rds: what is both another's and elsewhere, encrypted", "InvalidParameterValue", 400,
     lambda w: copy_of(w.b_there, w, KmsKeyId=w.b_there.key()), lambda w: copy_of(w.b, w, KmsKeyId=w.b.key()),
     given=shared)
case("rds: 20 copies at a time", "SnapshotQuotaExceeded", 400,
     lambda w: copy(w, target="one-more"),
     lambda w: (w.rds.delete_db_snapshot(DBSnapshotIdentifier="copy-0"), copy(w, target="one-more")),
     given=lambda w: (snapped(w), [copy(w, target=f"copy-{number}") for number in range(20)]), pace="slow")


def copy_of(account: Any, w: World, **more: Any) -> Any:
    """A's snapshot `first`, copied by another, as a rule under the key that `w.it` names or ends with."""
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

case("rds: an automated snapshot has no name to share it by", "InvalidParameterValue", 400,
     lambda w: attribute(w, ["all"], name="rds:orders-2026-01-01-00-00"), lambda w: attribute(w, ["all"]), given=snapped)
case("rds: there is one attribute", "InvalidParameterValue", 400,
     lambda w: attribute(w, [w.b.number], kind="copy"), lambda w: attribute(w, [w.b.number]), given=snapped)
case("rds: an account has 12 digits", "InvalidParameterValue", 400,
     lambda w: attribute(w, ["12345678901"]), lambda w: attribute(w, ["123456789012"]), given=snapped)
case("rds: something is added or removed", "InvalidParameterCombination", 400,
     lambda w: attribute(w), lambda w: attribute(w, remove=[w.b.number]), given=snapped)
case("rds: nothing is both added and removed", "InvalidParameterCombination", 400,
     lambda w: attribute(w, [w.b.number], [w.b.number]), lambda w: attribute(w, [w.b.number], [w.a.number]),
     given=snapped)
case("rds: what is shared is whole", "InvalidDBSnapshotState", 400,
     lambda w: attribute(w, [w.b.number]), lambda w: (w.a.available("first"), attribute(w, [w.b.number])),
     given=lambda w: (w.a.database(), snap(w)), pace="slow")
case("rds: a snapshot is shared with 20", "SharedSnapshotQuotaExceeded", 400,
     lambda w: attribute(w, [w.b.number]), lambda w: attribute(w, [w.b.number], ["200000000000"]),
     given=lambda w: (snapped(w), attribute(w, [f"{200_000_000_000 + number}" for number in range(20)])))
case("rds: what is encrypted is not public", "InvalidParameterValue", 400,
     lambda w: attribute(w, ["all"]), lambda w: attribute(w, [w.b.number]), given=encrypted)
case("rds: what is under the default key is not shared", "InvalidParameterValue", 400,
     lambda w: attribute(w, [w.b.number]),
     lambda w: (w.a.copy("first", "second", KmsKeyId=w.a.key()), attribute(w, [w.b.number], name="second")),
     given=lambda w: snapped(w, StorageEncrypted=True))
case("rds: what is shared exists", "DBSnapshotNotFound", 404,
     lambda w: attribute(w, [w.b.number], name="other"), lambda w: attribute(w, [w.b.number]), given=snapped)
case("rds: attributes of what exists", "DBSnapshotNotFound", 404,
     lambda w: w.rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="other"),
     lambda w: w.rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="first"), given=snapped)
case("rds: another's database is nobody's business", "AccessDenied", 403,
     lambda w: w.b.rds.describe_db_instances(DBInstanceIdentifier=w.it),
     lambda w: w.rds.describe_db_instances(DBInstanceIdentifier=w.it), given=lambda w: w.a.database())

# Restoring.

case("rds: what is restored exists", "DBSnapshotNotFound", 404,
     lambda w: restore(w, "other"), lambda w: restore(w), given=snapped)
case("rds: what is restored is whole", "InvalidDBSnapshotState", 400,
     lambda w: restore(w), lambda w: (w.a.available("first"), restore(w)),
     given=lambda w: (w.a.database(), snap(w)), pace="slow")
case("rds: nothing is restored over something", "DBInstanceAlreadyExists", 400,
     lambda w: restore(w, name="orders"), lambda w: restore(w), given=snapped)
case("rds: what is restored is under a key that can be used", "KMSKeyNotAccessibleFault", 400,
     restore, lambda w: (w.kms.enable_key(KeyId=w.it), restore(w)),
     given=lambda w: (made := encrypted(w), w.kms.disable_key(KeyId=made))[0])
case("rds: the engine stays", "InvalidParameterValue", 400,
     lambda w: restore(w, Engine="mysql"), lambda w: restore(w, Engine="postgres"), given=snapped)
case("rds: another's snapshot is restored when it is shared", "DBSnapshotNotFound", 404,
     lambda w: w.b.rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier=w.it, DBInstanceIdentifier="orders"),
     lambda w: (w.a.share("first", w.b.number), w.b.rds.restore_db_instance_from_db_snapshot(
         DBSnapshotIdentifier=w.it, DBInstanceIdentifier="orders")), given=snapped)
case("rds: what is both shared and encrypted is copied first", "InvalidRestoreFault", 400,
     lambda w: w.b.rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier=w.it, DBInstanceIdentifier="orders"),
     lambda w: (w.b.copy(w.it, "own", KmsKeyId=w.b.key()), w.b.rds.restore_db_instance_from_db_snapshot(
         DBSnapshotIdentifier="own", DBInstanceIdentifier="orders")), given=shared)

# Tags.


def tag(w: World, *tags: tuple[str, str], of: str = "") -> Any:
    pairs = [{"Key": key, "Value": value} for key, value in tags]
    return w.rds.add_tags_to_resource(ResourceName=of or w.a.arn("db", "orders"), Tags=pairs)


case("rds: aws: is AWS's own", "InvalidParameterValue", 400,
     lambda w: tag(w, ("aws:owner", "me")), lambda w: tag(w, ("awsowner", "me")), given=lambda w: make(w))
case("rds: a tag's characters", "InvalidParameterValue", 400,
     lambda w: tag(w, ("owner", "me & you")), lambda w: tag(w, ("owner", "me + you")), given=lambda w: make(w))
case("rds: 50 tags", "InvalidParameterValue", 400,
     lambda w: tag(w, ("one", "more")), lambda w: tag(w, ("number-0", "again")),
     given=lambda w: (make(w), tag(w, *((f"number-{number}", "") for number in range(50)))))
case("rds: a tag is given once", "InvalidParameterValue", 400,
     lambda w: tag(w, ("owner", "me"), ("owner", "you")), lambda w: tag(w, ("owner", "me"), ("Owner", "you")),
     given=lambda w: make(w))
case("rds: what is tagged has an ARN", "InvalidParameterValue", 400,
     lambda w: tag(w, ("owner", "me"), of="orders"), lambda w: tag(w, ("owner", "me")), given=lambda w: make(w))
case("rds: what is tagged is a thing of RDS", "InvalidParameterValue", 400,
     lambda w: tag(w, ("owner", "me"), of=w.a.arn("weather", "orders")), lambda w: tag(w, ("owner", "me")),
     given=lambda w: make(w))
case("rds: what is tagged exists", "DBInstanceNotFound", 404,
     lambda w: tag(w, ("owner", "me"), of=w.a.arn("db", "other")), lambda w: tag(w, ("owner", "me")),
     given=lambda w: make(w))
case("rds: what is tagged exists, a snapshot", "DBSnapshotNotFound", 404,
     lambda w: tag(w, ("owner", "me"), of=w.a.arn("snapshot", "first")), lambda w: tag(w, ("owner", "me")),
     given=lambda w: make(w))
case("rds: at least one tag", "MissingParameter", 400,
     lambda w: tag(w), lambda w: tag(w, ("owner", "")), given=lambda w: make(w))
case("rds: at least one key", "MissingParameter", 400,
     lambda w: w.rds.remove_tags_from_resource(ResourceName=w.it, TagKeys=[]),
     lambda w: w.rds.remove_tags_from_resource(ResourceName=w.it, TagKeys=["owner"]),
     given=lambda w: make(w)["DBInstance"]["DBInstanceArn"])
case("rds: another's tags are nobody's business", "AccessDenied", 403,
     lambda w: w.b.rds.list_tags_for_resource(ResourceName=w.it),
     lambda w: w.rds.list_tags_for_resource(ResourceName=w.it),
     given=lambda w: make(w)["DBInstance"]["DBInstanceArn"])
case("rds: one request a second", "Throttling", 400,
     lambda w: w.rds.describe_db_instances(), lambda w: w.rds.describe_db_snapshots(),
     given=lambda w: w.rds.describe_db_instances(), pace="busy")
