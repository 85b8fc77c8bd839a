"""What RDS refuses about the settings of databases, and about the groups that they are in."""

from __future__ import annotations

from typing import Any

from cases import case
from cases_rds import copy, find, make, modify, restore, snapped
from world import World

ORACLE = {"Engine": "oracle-ee", "DBInstanceClass": "db.m5.large", "LicenseModel": "bring-your-own-license"}
SQL_SERVER = {"Engine": "sqlserver-ee", "DBInstanceClass": "db.m5.large", "LicenseModel": "license-included"}
VALUE, MIX = "InvalidParameterValue", "InvalidParameterCombination"


def made(name: str, code: str, wrong: dict[str, Any], right: dict[str, Any], status: int = 400) -> None:
    """A case of CreateDBInstance: what is wrong with its parameters, and what is right."""
    case(f"rds: {name}", code, status, lambda w: make(w, **wrong), lambda w: make(w, **right))


def changed(name: str, code: str, wrong: dict[str, Any], right: dict[str, Any], **first: Any) -> None:
    """The same of ModifyDBInstance, of a database made with `first`."""
    case(f"rds: {name}", code, 400, lambda w: modify(w, **wrong), lambda w: modify(w, **right),
         given=lambda w: w.a.database(**first))


def restored(name: str, code: str, wrong: dict[str, Any], right: dict[str, Any], **first: Any) -> None:
    """The same of RestoreDBInstanceFromDBSnapshot, of a snapshot of a database made with `first`."""
    case(f"rds: {name}", code, 400, lambda w: restore(w, **wrong), lambda w: restore(w, **right),
         given=lambda w: snapped(w, **first))




def until(w: World, status: str) -> None:
    while w.rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["DBInstanceStatus"] != status:
        pass


# Storage.

made("magnetic storage", "StorageTypeNotSupported", {"StorageType": "standard"}, {"StorageType": "gp2"})
made("a type of storage that there is not", VALUE, {"StorageType": "gp4"}, {"StorageType": "gp3"})
made("io1 begins with 100 GiB", MIX, {"StorageType": "io1", "AllocatedStorage": 99, "Iops": 1000},
     {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000})
made("throughput is of gp3", MIX, {"StorageType": "gp2", "AllocatedStorage": 400, "StorageThroughput": 500},
     {"StorageType": "gp3", "AllocatedStorage": 400, "StorageThroughput": 500})
made("gp2 has no IOPS of its own", MIX, {"StorageType": "gp2", "Iops": 3000}, {"StorageType": "gp2"})
made("small gp3 has its baseline", MIX, {"AllocatedStorage": 399, "StorageType": "gp3", "Iops": 12000},
     {"AllocatedStorage": 400, "StorageType": "gp3", "Iops": 12000})
made("gp3 has 64000 IOPS", MIX, {"AllocatedStorage": 400, "StorageType": "gp3", "Iops": 64001},
     {"AllocatedStorage": 400, "StorageType": "gp3", "Iops": 64000})
made("io1 needs IOPS", MIX, {"StorageType": "io1", "AllocatedStorage": 100},
     {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000})
made("1000 IOPS at least", MIX, {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 999},
     {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000})
made("50 IOPS for each GiB of io1", MIX, {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 5001},
     {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 5000})
made("storage may grow by a tenth at least", MIX, {"AllocatedStorage": 100, "MaxAllocatedStorage": 109},
     {"AllocatedStorage": 100, "MaxAllocatedStorage": 110})
case("rds: 100000 GiB together", "StorageQuotaExceeded", 400,
     lambda w: make(w, AllocatedStorage=34_465), lambda w: make(w, AllocatedStorage=34_464),
     given=lambda w: make(w, DBInstanceIdentifier="large", AllocatedStorage=65_536))
restored("a restore does not make storage smaller", MIX, {"AllocatedStorage": 99}, {"AllocatedStorage": 100},
         AllocatedStorage=100)
restored("a restore makes storage a tenth larger at least", MIX, {"AllocatedStorage": 109}, {"AllocatedStorage": 110},
         AllocatedStorage=100)
restored("a restore keeps the size of SQL Server", MIX, {"AllocatedStorage": 200}, {}, AllocatedStorage=100, **SQL_SERVER)
changed("storage does not shrink", MIX, {"AllocatedStorage": 99}, {"AllocatedStorage": 100}, AllocatedStorage=100)
IO1 = {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000}
changed("larger provisioned storage says its IOPS", MIX, {"AllocatedStorage": 200},
        {"AllocatedStorage": 200, "Iops": 2000}, **IO1)
changed("more IOPS say their storage", MIX, {"Iops": 2000}, {"AllocatedStorage": 200, "Iops": 2000}, **IO1)
case("rds: storage is optimized before it is changed again", MIX, 400,
     lambda w: modify(w, AllocatedStorage=200, ApplyImmediately=True), lambda w: modify(w, BackupRetentionPeriod=2),
     given=lambda w: (w.a.database(AllocatedStorage=100), modify(w, AllocatedStorage=150, ApplyImmediately=True),
                      until(w, "storage-optimization")), pace="slow")

# Wishes that each make sense by themselves.

made("a version that there is not", MIX, {"EngineVersion": "3.1"}, {"EngineVersion": "16.3"})
made("a master's name has 16 characters", VALUE, {"MasterUsername": "m" * 17}, {"MasterUsername": "m" * 16})
made("no password beside a managed one, from the beginning", MIX, {"ManageMasterUserPassword": True},
     {"ManageMasterUserPassword": True, "MasterUserPassword": None})
made("a password is given or managed", "MissingParameter", {"MasterUserPassword": None}, {})
case("rds: a key for a managed password only", MIX, 400, lambda w: make(w, MasterUserSecretKmsKeyId=w.it),
     lambda w: make(w, MasterUserSecretKmsKeyId=w.it, ManageMasterUserPassword=True, MasterUserPassword=None),
     given=lambda w: w.a.key())
made("a certificate that there is not", "CertificateNotFound", {"CACertificateIdentifier": "rds-ca-1999"},
     {"CACertificateIdentifier": "rds-ca-rsa2048-g1"}, 404)
made("a port begins with 1150", VALUE, {"Port": 1149}, {"Port": 1150})
case("rds: Oracle has no IAM authentication", MIX, 400,
     lambda w: make(w, EnableIAMDatabaseAuthentication=True, **ORACLE),
     lambda w: make(w, EnableIAMDatabaseAuthentication=True))
made("a licence that the engine lacks", VALUE, {"LicenseModel": "license-included"}, {"LicenseModel": "postgresql-license"})
made("both kinds of addresses", "NetworkTypeNotSupported", {"NetworkType": "DUAL"}, {"NetworkType": "IPV4"})
made("a kind of addresses that there is not", VALUE, {"NetworkType": "IPV5"}, {"NetworkType": "IPV4"})
made("no zone for two zones", MIX, {"AvailabilityZone": "ap-northeast-1a", "MultiAZ": True},
     {"AvailabilityZone": "ap-northeast-1a"})
made("a zone without a subnet", "InvalidVPCNetworkStateFault", {"AvailabilityZone": "ap-northeast-1c"},
     {"AvailabilityZone": "ap-northeast-1b"})
made("another Region's zone", VALUE, {"AvailabilityZone": "us-west-2a"}, {"AvailabilityZone": "ap-northeast-1a"})
made("logs that the engine lacks", MIX, {"EnableCloudwatchLogsExports": ["slowquery"]},
     {"EnableCloudwatchLogsExports": ["postgresql"]})
made("support that there is not", VALUE, {"EngineLifecycleSupport": "for-ever"},
     {"EngineLifecycleSupport": "open-source-rds-extended-support"})
case("rds: Oracle has no extended support", MIX, 400,
     lambda w: make(w, EngineLifecycleSupport="open-source-rds-extended-support", **ORACLE),
     lambda w: make(w, **ORACLE))
made("a volume for logs needs provisioned storage", MIX, {"DedicatedLogVolume": True, "AllocatedStorage": 100},
     {"DedicatedLogVolume": True, **IO1})
made("a backup window is written so", VALUE, {"PreferredBackupWindow": "3-4"}, {"PreferredBackupWindow": "03:00-03:30"})
made("a backup window has half an hour", VALUE, {"PreferredBackupWindow": "03:00-03:29"},
     {"PreferredBackupWindow": "03:00-03:30"})
made("a maintenance window is written so", VALUE, {"PreferredMaintenanceWindow": "sunday"},
     {"PreferredMaintenanceWindow": "sun:05:00-sun:05:30"})
made("a maintenance window has half an hour", VALUE, {"PreferredMaintenanceWindow": "sun:05:00-sun:05:29"},
     {"PreferredMaintenanceWindow": "sun:05:00-sun:05:30"})
made("the windows do not meet", VALUE,
     {"PreferredBackupWindow": "05:00-05:30", "PreferredMaintenanceWindow": "sun:05:15-sun:05:45"},
     {"PreferredBackupWindow": "05:00-05:30", "PreferredMaintenanceWindow": "sun:05:30-sun:06:00"})

# Being watched. The role is one that `worlds/seeded.toml` has.

ROLE = "arn:aws:iam::300000000001:role/monitoring"
made("an interval that there is not", VALUE, {"MonitoringInterval": 2}, {"MonitoringInterval": 0})
made("an interval needs a role", MIX, {"MonitoringInterval": 60}, {"MonitoringInterval": 0})
made("a role needs an interval", MIX, {"MonitoringRoleArn": ROLE}, {})
case("rds: a role that there is not", VALUE, 400,
     lambda w: make(w, MonitoringInterval=60, MonitoringRoleArn=ROLE + "2", DBInstanceIdentifier="watched"),
     lambda w: make(w, MonitoringInterval=60, MonitoringRoleArn=ROLE, DBInstanceIdentifier="watched"), pace="seeded")
made("insights that are off have no figures", MIX, {"PerformanceInsightsRetentionPeriod": 7},
     {"PerformanceInsightsRetentionPeriod": 7, "EnablePerformanceInsights": True})
made("insights last for months", VALUE, {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 30},
     {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 31})
case("rds: insights keep their key", MIX, 400,
     lambda w: modify(w, PerformanceInsightsKMSKeyId=w.a.key()), lambda w: modify(w, PerformanceInsightsKMSKeyId=w.it),
     given=lambda w: (key := w.a.key(), w.a.database(EnablePerformanceInsights=True, PerformanceInsightsKMSKeyId=key))[0])

# Modifying, rebooting and restoring.

case("rds: a failover needs a standby", MIX, 400,
     lambda w: w.rds.reboot_db_instance(DBInstanceIdentifier="orders", ForceFailover=True),
     lambda w: w.rds.reboot_db_instance(DBInstanceIdentifier="orders"), given=lambda w: w.a.database())
case("rds: a subnet group of the same network", "InvalidVPCNetworkStateFault", 400,
     lambda w: modify(w, DBSubnetGroupName="private"), lambda w: modify(w, DBSubnetGroupName="default"),
     given=lambda w: (w.a.database(), group(w)))
changed("only a managed password is rotated", MIX, {"RotateMasterUserPassword": True, "ApplyImmediately": True},
        {"ManageMasterUserPassword": True})
case("rds: a password is rotated at once", MIX, 400, lambda w: modify(w, RotateMasterUserPassword=True),
     lambda w: modify(w, RotateMasterUserPassword=True, ApplyImmediately=True),
     given=lambda w: w.a.database(ManageMasterUserPassword=True, MasterUserPassword=None))
EXPORT = "CloudwatchLogsExportConfiguration"
changed("a log is switched on or off", MIX, {EXPORT: {"EnableLogTypes": ["postgresql"], "DisableLogTypes": ["postgresql"]}},
        {EXPORT: {"EnableLogTypes": ["postgresql"]}})
restored("backups of a restored database are in the Region", VALUE, {"BackupTarget": "outposts"}, {"BackupTarget": "region"})
restored("a restore names no database of PostgreSQL", MIX, {"DBName": "orders"}, {})
restored("a restore manages Oracle's password alone", MIX, {"ManageMasterUserPassword": True}, {})
case("rds: a marker is one that was given out", VALUE, 400, lambda w: find(w, Marker="page 2"), lambda w: find(w))
case("rds: copies are in the Region", VALUE, 400, lambda w: copy(w, SnapshotTarget="outposts"),
     lambda w: copy(w, SnapshotTarget="region"), given=snapped)
case("rds: option groups are copied along with Oracle's shared snapshots", MIX, 400,
     lambda w: copy(w, CopyOptionGroup=True), lambda w: copy(w, CopyOptionGroup=False), given=snapped)
case("rds: nobody shares with himself", VALUE, 400, lambda w: w.a.share("first", w.a.number),
     lambda w: w.a.share("first", w.b.number), given=snapped)
case("rds: an automated snapshot is asked for by its type", MIX, 400,
     lambda w: find(w, DBSnapshotIdentifier="rds:orders-2026-01-01-00-00"), lambda w: find(w, SnapshotType="automated"))
case("rds: tags of AWS stay", VALUE, 400,
     lambda w: w.rds.remove_tags_from_resource(ResourceName=w.it, TagKeys=["aws:owner"]),
     lambda w: w.rds.remove_tags_from_resource(ResourceName=w.it, TagKeys=["owner"]),
     given=lambda w: make(w)["DBInstance"]["DBInstanceArn"])

# What only `worlds/seeded.toml` can have: databases that AWS tags, and RDS Custom.

case("rds: tags of AWS are not copied", VALUE, 400,
     lambda w: copy(w, "stacked", "stacked-copy", CopyTags=True), lambda w: copy(w, "stacked", "stacked-copy"),
     given=lambda w: (modify_seeded(w, "stacked", CopyTagsToSnapshot=True), w.a.snapshot("stacked", "stacked")), pace="seeded")
for number, (what, code, call) in enumerate((
    ("copied", VALUE, lambda w: copy(w, w.it, "custom-copy")),
    ("shared", VALUE, lambda w: w.a.share(w.it, w.b.number)),
    ("restored", VALUE, lambda w: restore(w, w.it)),
)):
    case(f"rds: RDS Custom is not {what}", code, 400, call, lambda w: find(w, DBSnapshotIdentifier=w.it),
         given=lambda w, number=number: w.a.snapshot(f"custom-{number}", "custom").rpartition(":")[2], pace="seeded")


def modify_seeded(w: World, name: str, **more: Any) -> None:
    w.rds.modify_db_instance(DBInstanceIdentifier=name, **more)
    w.a.ready(name)


# Groups.


def group(w: World, name: str = "private", count: int = 2) -> Any:
    return w.rds.create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="x", SubnetIds=[f"subnet-{number}" for number in range(count)]
    )


def parameters(w: World, name: str = "own", family: str = "postgres16") -> Any:
    return w.rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily=family, Description="x")


def options(w: World, name: str = "own", engine: str = "oracle-ee", major: str = "19", *included: str) -> Any:
    made = w.rds.create_option_group(
        OptionGroupName=name, EngineName=engine, MajorEngineVersion=major, OptionGroupDescription="x"
    )
    if included:
        change(w, name, *included)
    return made


def change(w: World, name: str, *included: str, remove: Any = ()) -> Any:
    given = {"OptionsToInclude": [{"OptionName": one} for one in included], "OptionsToRemove": list(remove)}
    given = {key: value for key, value in given.items() if value}
    return w.rds.modify_option_group(OptionGroupName=name, ApplyImmediately=True, **given)


case("rds: 20 subnets in a group", "DBSubnetQuotaExceededFault", 400, lambda w: group(w, count=21), lambda w: group(w, count=20))
case("rds: 50 subnet groups", "DBSubnetGroupQuotaExceeded", 400, lambda w: group(w),
     lambda w: (w.rds.delete_db_subnet_group(DBSubnetGroupName="g-1"), group(w)),
     given=lambda w: [group(w, f"g-{number}") for number in range(49)])
case("rds: the default subnet group stays", "InvalidDBSubnetGroupStateFault", 400,
     lambda w: w.rds.delete_db_subnet_group(DBSubnetGroupName="default"),
     lambda w: w.rds.delete_db_subnet_group(DBSubnetGroupName="private"), given=lambda w: group(w))
case("rds: a subnet group to be deleted exists", "DBSubnetGroupNotFoundFault", 404,
     lambda w: w.rds.delete_db_subnet_group(DBSubnetGroupName="public"),
     lambda w: w.rds.delete_db_subnet_group(DBSubnetGroupName="private"), given=lambda w: group(w))
case("rds: a parameter group that there is not", "DBParameterGroupNotFound", 404,
     lambda w: make(w, DBParameterGroupName="other"), lambda w: make(w, DBParameterGroupName="own"), given=parameters)
case("rds: a parameter group of another family", MIX, 400,
     lambda w: make(w, DBParameterGroupName="own"), lambda w: make(w, DBParameterGroupName="own", Engine="mysql"),
     given=lambda w: parameters(w, family="mysql8.4"))
case("rds: a family that there is not", VALUE, 400, lambda w: parameters(w, family="postgres3"), parameters)
case("rds: the name of a parameter group is taken", "DBParameterGroupAlreadyExists", 400,
     lambda w: parameters(w, "OWN"), lambda w: parameters(w, "own2"), given=parameters)
case("rds: 50 parameter groups", "DBParameterGroupQuotaExceeded", 400, parameters,
     lambda w: (w.rds.delete_db_parameter_group(DBParameterGroupName="g-1"), parameters(w)),
     given=lambda w: [parameters(w, f"g-{number}") for number in range(50)])
case("rds: default parameter groups stay", "InvalidDBParameterGroupState", 400,
     lambda w: w.rds.delete_db_parameter_group(DBParameterGroupName="default.postgres16"),
     lambda w: w.rds.delete_db_parameter_group(DBParameterGroupName="own"), given=parameters)
case("rds: a parameter group in use stays", "InvalidDBParameterGroupState", 400,
     lambda w: w.rds.delete_db_parameter_group(DBParameterGroupName="own"),
     lambda w: w.rds.delete_db_parameter_group(DBParameterGroupName="own2"),
     given=lambda w: (parameters(w), parameters(w, "own2"), make(w, DBParameterGroupName="own")))
case("rds: an option group that there is not", "OptionGroupNotFoundFault", 404,
     lambda w: w.rds.describe_option_groups(OptionGroupName="other"),
     lambda w: w.rds.describe_option_groups(OptionGroupName="own"), given=options)
case("rds: an option group of another engine", MIX, 400,
     lambda w: make(w, OptionGroupName="own"), lambda w: make(w, OptionGroupName="own", **ORACLE), given=options)
case("rds: a major version that there is not", MIX, 400, lambda w: options(w, major="7"), options)
case("rds: the name of an option group is taken", "OptionGroupAlreadyExistsFault", 400,
     lambda w: options(w, "OWN"), lambda w: options(w, "own2"), given=options)
case("rds: 20 option groups", "OptionGroupQuotaExceededFault", 400, options,
     lambda w: (w.rds.delete_option_group(OptionGroupName="g-1"), options(w)),
     given=lambda w: [options(w, f"g-{number}") for number in range(20)])
case("rds: an option that the engine lacks", VALUE, 400, lambda w: change(w, "own", "MEMCACHED"),
     lambda w: change(w, "own", "Timezone"), given=options)
case("rds: a permanent option stays", "InvalidOptionGroupStateFault", 400,
     lambda w: change(w, "own", remove=["Timezone"]), lambda w: change(w, "own", remove=["S3_INTEGRATION"]),
     given=lambda w: options(w, "own", "oracle-ee", "19", "Timezone", "S3_INTEGRATION"))
case("rds: option groups by name or by engine", MIX, 400,
     lambda w: w.rds.describe_option_groups(OptionGroupName="own", EngineName="oracle-ee"),
     lambda w: w.rds.describe_option_groups(EngineName="oracle-ee"), given=options)
case("rds: a major version of an engine", MIX, 400,
     lambda w: w.rds.describe_option_groups(MajorEngineVersion="19"),
     lambda w: w.rds.describe_option_groups(EngineName="oracle-ee", MajorEngineVersion="19"), given=options)
case("rds: default option groups stay", "InvalidOptionGroupStateFault", 400,
     lambda w: w.rds.delete_option_group(OptionGroupName="default:oracle-ee-19"),
     lambda w: w.rds.delete_option_group(OptionGroupName="own"), given=options)
case("rds: an option group in use stays", "InvalidOptionGroupStateFault", 400,
     lambda w: w.rds.delete_option_group(OptionGroupName="own"), lambda w: w.rds.delete_option_group(OptionGroupName="own2"),
     given=lambda w: (options(w), options(w, "own2"), make(w, OptionGroupName="own", **ORACLE)))
case("rds: what has TDE is not shared", VALUE, 400,
     lambda w: w.a.share("first", w.b.number), lambda w: w.a.share("plain", w.b.number),
     given=lambda w: (options(w, "own", "oracle-ee", "19", "TDE"), snapped(w, OptionGroupName="own", **ORACLE),
                      w.a.database("plain"), w.a.snapshot("plain", "plain")))
case("rds: a restore keeps the permanent options", MIX, 400,
     lambda w: restore(w, OptionGroupName="bare"), lambda w: restore(w, OptionGroupName="own"),
     given=lambda w: (options(w, "own", "oracle-ee", "19", "Timezone"), options(w, "bare"),
                      snapped(w, OptionGroupName="own", **ORACLE)))
