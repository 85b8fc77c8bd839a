"""Refusals of RDS: settings of databases, subnet groups, parameter groups and option groups."""

from __future__ import annotations

from typing import Any

from cases import case
from cases_rds import copy, find, make, modify, restore, snapped
from world import World

ORACLE = {"Engine": "oracle-ee", "DBInstanceClass": "db.m5.large", "LicenseModel": "bring-your-own-license"}
SQL_SERVER = {"Engine": "sqlserver-ee", "DBInstanceClass": "db.m5.large", "LicenseModel": "license-included"}
VALUE, MIX = "InvalidParameterValue", "InvalidParameterCombination"


def made(name: str, code: str, wrong: dict[str, Any], right: dict[str, Any], status: int = 400) -> None:
    """Adds a case of CreateDBInstance with wrong and with right parameters."""
    case(f"rds: {name}", code, status, lambda w: make(w, **wrong), lambda w: make(w, **right))


def changed(name: str, code: str, wrong: dict[str, Any], right: dict[str, Any], **first: Any) -> None:
    """Adds the same for ModifyDBInstance, on a database created with `first`."""
    case(f"rds: {name}", code, 400, lambda w: modify(w, **wrong), lambda w: modify(w, **right),
         setup=lambda w: w.a.database(**first))


def restored(name: str, code: str, wrong: dict[str, Any], right: dict[str, Any], **first: Any) -> None:
    """Adds the same for RestoreDBInstanceFromDBSnapshot, from a snapshot of a database created with `first`."""
    case(f"rds: {name}", code, 400, lambda w: restore(w, **wrong), lambda w: restore(w, **right),
         setup=lambda w: snapped(w, **first))


def until(w: World, status: str) -> None:
    while w.rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["DBInstanceStatus"] != status:
        pass


# Storage.

made("storage type standard (magnetic)", "StorageTypeNotSupported", {"StorageType": "standard"}, {"StorageType": "gp2"})
made("unknown storage type", VALUE, {"StorageType": "gp4"}, {"StorageType": "gp3"})
made("io1 below 100 GiB", MIX, {"StorageType": "io1", "AllocatedStorage": 99, "Iops": 1000},
     {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000})
made("throughput with gp2", MIX, {"StorageType": "gp2", "AllocatedStorage": 400, "StorageThroughput": 500},
     {"StorageType": "gp3", "AllocatedStorage": 400, "StorageThroughput": 500})
made("IOPS with gp2", MIX, {"StorageType": "gp2", "Iops": 3000}, {"StorageType": "gp2"})
made("IOPS with gp3 below 400 GiB", MIX, {"AllocatedStorage": 399, "StorageType": "gp3", "Iops": 12000},
     {"AllocatedStorage": 400, "StorageType": "gp3", "Iops": 12000})
made("gp3 with more than 64000 IOPS", MIX, {"AllocatedStorage": 400, "StorageType": "gp3", "Iops": 64001},
     {"AllocatedStorage": 400, "StorageType": "gp3", "Iops": 64000})
made("io1 without IOPS", MIX, {"StorageType": "io1", "AllocatedStorage": 100},
     {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000})
made("io1 with less than 1000 IOPS", MIX, {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 999},
     {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000})
made("io1 with more than 50 IOPS for each GiB", MIX, {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 5001},
     {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 5000})
made("storage autoscaling limit less than 10 % above the storage", MIX, {"AllocatedStorage": 100, "MaxAllocatedStorage": 109},
     {"AllocatedStorage": 100, "MaxAllocatedStorage": 110})
case("rds: storage of all databases above the quota", "StorageQuotaExceeded", 400,
     lambda w: make(w, AllocatedStorage=34_465), lambda w: make(w, AllocatedStorage=34_464),
     setup=lambda w: make(w, DBInstanceIdentifier="large", AllocatedStorage=65_536))
restored("restore with smaller storage", MIX, {"AllocatedStorage": 99}, {"AllocatedStorage": 100},
         AllocatedStorage=100)
restored("restore with storage less than 10 % larger", MIX, {"AllocatedStorage": 109}, {"AllocatedStorage": 110},
         AllocatedStorage=100)
restored("restore of SQL Server with larger storage", MIX, {"AllocatedStorage": 200}, {}, AllocatedStorage=100, **SQL_SERVER)
changed("modification to smaller storage", MIX, {"AllocatedStorage": 99}, {"AllocatedStorage": 100}, AllocatedStorage=100)
IO1 = {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000}
changed("more io1 storage without IOPS", MIX, {"AllocatedStorage": 200},
        {"AllocatedStorage": 200, "Iops": 2000}, **IO1)
changed("more io1 IOPS without storage", MIX, {"Iops": 2000}, {"AllocatedStorage": 200, "Iops": 2000}, **IO1)
case("rds: storage change during storage optimization", MIX, 400,
     lambda w: modify(w, AllocatedStorage=200, ApplyImmediately=True), lambda w: modify(w, BackupRetentionPeriod=2),
     setup=lambda w: (w.a.database(AllocatedStorage=100), modify(w, AllocatedStorage=150, ApplyImmediately=True),
                      until(w, "storage-optimization")), simulator="slow")

# Other settings.

made("unknown engine version", MIX, {"EngineVersion": "3.1"}, {"EngineVersion": "16.3"})
made("master user name longer than 16 characters", VALUE, {"MasterUsername": "m" * 17}, {"MasterUsername": "m" * 16})
made("creation with both a password and a managed password", MIX, {"ManageMasterUserPassword": True},
     {"ManageMasterUserPassword": True, "MasterUserPassword": None})
made("creation without any password", "MissingParameter", {"MasterUserPassword": None}, {})
case("rds: key for a managed password without password management", MIX, 400, lambda w: make(w, MasterUserSecretKmsKeyId=w.it),
     lambda w: make(w, MasterUserSecretKmsKeyId=w.it, ManageMasterUserPassword=True, MasterUserPassword=None),
     setup=lambda w: w.a.key())
made("unknown CA certificate", "CertificateNotFound", {"CACertificateIdentifier": "rds-ca-1999"},
     {"CACertificateIdentifier": "rds-ca-rsa2048-g1"}, 404)
made("port below 1150", VALUE, {"Port": 1149}, {"Port": 1150})
case("rds: IAM authentication with Oracle", MIX, 400,
     lambda w: make(w, EnableIAMDatabaseAuthentication=True, **ORACLE),
     lambda w: make(w, EnableIAMDatabaseAuthentication=True))
made("license model that the engine does not have", VALUE, {"LicenseModel": "license-included"}, {"LicenseModel": "postgresql-license"})
made("network type DUAL with a subnet group that does not support it", "NetworkTypeNotSupported", {"NetworkType": "DUAL"}, {"NetworkType": "IPV4"})
made("unknown network type", VALUE, {"NetworkType": "IPV5"}, {"NetworkType": "IPV4"})
made("Availability Zone together with Multi-AZ", MIX, {"AvailabilityZone": "ap-northeast-1a", "MultiAZ": True},
     {"AvailabilityZone": "ap-northeast-1a"})
made("Availability Zone without a subnet", "InvalidVPCNetworkStateFault", {"AvailabilityZone": "ap-northeast-1c"},
     {"AvailabilityZone": "ap-northeast-1b"})
made("Availability Zone of another Region", VALUE, {"AvailabilityZone": "us-west-2a"}, {"AvailabilityZone": "ap-northeast-1a"})
made("log export that the engine does not have", MIX, {"EnableCloudwatchLogsExports": ["slowquery"]},
     {"EnableCloudwatchLogsExports": ["postgresql"]})
made("unknown engine lifecycle support", VALUE, {"EngineLifecycleSupport": "for-ever"},
     {"EngineLifecycleSupport": "open-source-rds-extended-support"})
case("rds: extended support with Oracle", MIX, 400,
     lambda w: make(w, EngineLifecycleSupport="open-source-rds-extended-support", **ORACLE),
     lambda w: make(w, **ORACLE))
made("dedicated log volume without provisioned IOPS storage", MIX, {"DedicatedLogVolume": True, "AllocatedStorage": 100},
     {"DedicatedLogVolume": True, **IO1})
made("invalid format of a backup window", VALUE, {"PreferredBackupWindow": "3-4"}, {"PreferredBackupWindow": "03:00-03:30"})
made("backup window shorter than 30 minutes", VALUE, {"PreferredBackupWindow": "03:00-03:29"},
     {"PreferredBackupWindow": "03:00-03:30"})
made("invalid format of a maintenance window", VALUE, {"PreferredMaintenanceWindow": "sunday"},
     {"PreferredMaintenanceWindow": "sun:05:00-sun:05:30"})
made("maintenance window shorter than 30 minutes", VALUE, {"PreferredMaintenanceWindow": "sun:05:00-sun:05:29"},
     {"PreferredMaintenanceWindow": "sun:05:00-sun:05:30"})
made("overlapping backup and maintenance windows", VALUE,
     {"PreferredBackupWindow": "05:00-05:30", "PreferredMaintenanceWindow": "sun:05:15-sun:05:45"},
     {"PreferredBackupWindow": "05:00-05:30", "PreferredMaintenanceWindow": "sun:05:30-sun:06:00"})

# Monitoring. The role is defined in `worlds/seeded.toml`.

ROLE = "arn:aws:iam::300000000001:role/monitoring"
made("invalid monitoring interval", VALUE, {"MonitoringInterval": 2}, {"MonitoringInterval": 0})
made("monitoring interval without a role", MIX, {"MonitoringInterval": 60}, {"MonitoringInterval": 0})
made("monitoring role without an interval", MIX, {"MonitoringRoleArn": ROLE}, {})
case("rds: unknown monitoring role", VALUE, 400,
     lambda w: make(w, MonitoringInterval=60, MonitoringRoleArn=ROLE + "2", DBInstanceIdentifier="watched"),
     lambda w: make(w, MonitoringInterval=60, MonitoringRoleArn=ROLE, DBInstanceIdentifier="watched"), simulator="seeded")
made("Performance Insights retention while it is disabled", MIX, {"PerformanceInsightsRetentionPeriod": 7},
     {"PerformanceInsightsRetentionPeriod": 7, "EnablePerformanceInsights": True})
made("invalid Performance Insights retention", VALUE, {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 30},
     {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 31})
case("rds: change of the Performance Insights key", MIX, 400,
     lambda w: modify(w, PerformanceInsightsKMSKeyId=w.a.key()), lambda w: modify(w, PerformanceInsightsKMSKeyId=w.it),
     setup=lambda w: (key := w.a.key(), w.a.database(EnablePerformanceInsights=True, PerformanceInsightsKMSKeyId=key))[0])

# Modifying, rebooting, restoring, copying and sharing.

case("rds: forced failover without a standby", MIX, 400,
     lambda w: w.rds.reboot_db_instance(DBInstanceIdentifier="orders", ForceFailover=True),
     lambda w: w.rds.reboot_db_instance(DBInstanceIdentifier="orders"), setup=lambda w: w.a.database())
case("rds: modification to a subnet group of the same VPC", "InvalidVPCNetworkStateFault", 400,
     lambda w: modify(w, DBSubnetGroupName="private"), lambda w: modify(w, DBSubnetGroupName="default"),
     setup=lambda w: (w.a.database(), group(w)))
changed("rotation of a password that is not managed", MIX, {"RotateMasterUserPassword": True, "ApplyImmediately": True},
        {"ManageMasterUserPassword": True})
case("rds: password rotation without ApplyImmediately", MIX, 400, lambda w: modify(w, RotateMasterUserPassword=True),
     lambda w: modify(w, RotateMasterUserPassword=True, ApplyImmediately=True),
     setup=lambda w: w.a.database(ManageMasterUserPassword=True, MasterUserPassword=None))
EXPORT = "CloudwatchLogsExportConfiguration"
changed("log type both enabled and disabled", MIX, {EXPORT: {"EnableLogTypes": ["postgresql"], "DisableLogTypes": ["postgresql"]}},
        {EXPORT: {"EnableLogTypes": ["postgresql"]}})
restored("restore with backups on Outposts", VALUE, {"BackupTarget": "outposts"}, {"BackupTarget": "region"})
restored("restore of PostgreSQL with a DBName", MIX, {"DBName": "orders"}, {})
restored("restore with a managed password for an engine other than Oracle", MIX, {"ManageMasterUserPassword": True}, {})
case("rds: invalid pagination marker", VALUE, 400, lambda w: find(w, Marker="page 2"), lambda w: find(w))
case("rds: copy to Outposts", VALUE, 400, lambda w: copy(w, SnapshotTarget="outposts"),
     lambda w: copy(w, SnapshotTarget="region"), setup=snapped)
case("rds: CopyOptionGroup other than for a shared Oracle snapshot", MIX, 400,
     lambda w: copy(w, CopyOptionGroup=True), lambda w: copy(w, CopyOptionGroup=False), setup=snapped)
case("rds: sharing with the owner", VALUE, 400, lambda w: w.a.share("first", w.a.number),
     lambda w: w.a.share("first", w.b.number), setup=snapped)
case("rds: automated snapshot described by name without its type", MIX, 400,
     lambda w: find(w, DBSnapshotIdentifier="rds:orders-2026-01-01-00-00"), lambda w: find(w, SnapshotType="automated"))
case("rds: removal of a reserved aws: tag", VALUE, 400,
     lambda w: w.rds.remove_tags_from_resource(ResourceName=w.it, TagKeys=["aws:owner"]),
     lambda w: w.rds.remove_tags_from_resource(ResourceName=w.it, TagKeys=["owner"]),
     setup=lambda w: make(w)["DBInstance"]["DBInstanceArn"])

# What only `worlds/seeded.toml` can define: databases with tags of AWS, and RDS Custom.

case("rds: CopyTags for a snapshot with reserved aws: tags", VALUE, 400,
     lambda w: copy(w, "stacked", "stacked-copy", CopyTags=True), lambda w: copy(w, "stacked", "stacked-copy"),
     setup=lambda w: (modify_seeded(w, "stacked", CopyTagsToSnapshot=True), w.a.snapshot("stacked", "stacked")), simulator="seeded")
for number, (what, code, call) in enumerate((
    ("copied", VALUE, lambda w: copy(w, w.it, "custom-copy")),
    ("shared", VALUE, lambda w: w.a.share(w.it, w.b.number)),
    ("restored", VALUE, lambda w: restore(w, w.it)),
)):
    case(f"rds: RDS Custom snapshot that is {what}", code, 400, call, lambda w: find(w, DBSnapshotIdentifier=w.it),
         setup=lambda w, number=number: w.a.snapshot(f"custom-{number}", "custom").rpartition(":")[2], simulator="seeded")


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


case("rds: subnet group with more than 20 subnets", "DBSubnetQuotaExceededFault", 400, lambda w: group(w, count=21), lambda w: group(w, count=20))
case("rds: more than 50 subnet groups", "DBSubnetGroupQuotaExceeded", 400, lambda w: group(w),
     lambda w: (w.rds.delete_db_subnet_group(DBSubnetGroupName="g-1"), group(w)),
     setup=lambda w: [group(w, f"g-{number}") for number in range(49)])
case("rds: deletion of the default subnet group", "InvalidDBSubnetGroupStateFault", 400,
     lambda w: w.rds.delete_db_subnet_group(DBSubnetGroupName="default"),
     lambda w: w.rds.delete_db_subnet_group(DBSubnetGroupName="private"), setup=lambda w: group(w))
case("rds: deletion of an unknown subnet group", "DBSubnetGroupNotFoundFault", 404,
     lambda w: w.rds.delete_db_subnet_group(DBSubnetGroupName="public"),
     lambda w: w.rds.delete_db_subnet_group(DBSubnetGroupName="private"), setup=lambda w: group(w))
case("rds: unknown parameter group", "DBParameterGroupNotFound", 404,
     lambda w: make(w, DBParameterGroupName="other"), lambda w: make(w, DBParameterGroupName="own"), setup=parameters)
case("rds: parameter group of another family", MIX, 400,
     lambda w: make(w, DBParameterGroupName="own"), lambda w: make(w, DBParameterGroupName="own", Engine="mysql"),
     setup=lambda w: parameters(w, family="mysql8.4"))
case("rds: unknown parameter group family", VALUE, 400, lambda w: parameters(w, family="postgres3"), parameters)
case("rds: duplicate parameter group name", "DBParameterGroupAlreadyExists", 400,
     lambda w: parameters(w, "OWN"), lambda w: parameters(w, "own2"), setup=parameters)
case("rds: more than 50 parameter groups", "DBParameterGroupQuotaExceeded", 400, parameters,
     lambda w: (w.rds.delete_db_parameter_group(DBParameterGroupName="g-1"), parameters(w)),
     setup=lambda w: [parameters(w, f"g-{number}") for number in range(50)])
case("rds: deletion of a default parameter group", "InvalidDBParameterGroupState", 400,
     lambda w: w.rds.delete_db_parameter_group(DBParameterGroupName="default.postgres16"),
     lambda w: w.rds.delete_db_parameter_group(DBParameterGroupName="own"), setup=parameters)
case("rds: deletion of a parameter group in use", "InvalidDBParameterGroupState", 400,
     lambda w: w.rds.delete_db_parameter_group(DBParameterGroupName="own"),
     lambda w: w.rds.delete_db_parameter_group(DBParameterGroupName="own2"),
     setup=lambda w: (parameters(w), parameters(w, "own2"), make(w, DBParameterGroupName="own")))
case("rds: unknown option group", "OptionGroupNotFoundFault", 404,
     lambda w: w.rds.describe_option_groups(OptionGroupName="other"),
     lambda w: w.rds.describe_option_groups(OptionGroupName="own"), setup=options)
case("rds: option group of another engine", MIX, 400,
     lambda w: make(w, OptionGroupName="own"), lambda w: make(w, OptionGroupName="own", **ORACLE), setup=options)
case("rds: option group with an unknown major version", MIX, 400, lambda w: options(w, major="7"), options)
case("rds: duplicate option group name", "OptionGroupAlreadyExistsFault", 400,
     lambda w: options(w, "OWN"), lambda w: options(w, "own2"), setup=options)
case("rds: more than 20 option groups", "OptionGroupQuotaExceededFault", 400, options,
     lambda w: (w.rds.delete_option_group(OptionGroupName="g-1"), options(w)),
     setup=lambda w: [options(w, f"g-{number}") for number in range(20)])
case("rds: option that the engine does not have", VALUE, 400, lambda w: change(w, "own", "MEMCACHED"),
     lambda w: change(w, "own", "Timezone"), setup=options)
case("rds: removal of a permanent option", "InvalidOptionGroupStateFault", 400,
     lambda w: change(w, "own", remove=["Timezone"]), lambda w: change(w, "own", remove=["S3_INTEGRATION"]),
     setup=lambda w: options(w, "own", "oracle-ee", "19", "Timezone", "S3_INTEGRATION"))
case("rds: option groups described by both name and engine", MIX, 400,
     lambda w: w.rds.describe_option_groups(OptionGroupName="own", EngineName="oracle-ee"),
     lambda w: w.rds.describe_option_groups(EngineName="oracle-ee"), setup=options)
case("rds: option groups described by major version without engine", MIX, 400,
     lambda w: w.rds.describe_option_groups(MajorEngineVersion="19"),
     lambda w: w.rds.describe_option_groups(EngineName="oracle-ee", MajorEngineVersion="19"), setup=options)
case("rds: deletion of a default option group", "InvalidOptionGroupStateFault", 400,
     lambda w: w.rds.delete_option_group(OptionGroupName="default:oracle-ee-19"),
     lambda w: w.rds.delete_option_group(OptionGroupName="own"), setup=options)
case("rds: deletion of an option group in use", "InvalidOptionGroupStateFault", 400,
     lambda w: w.rds.delete_option_group(OptionGroupName="own"), lambda w: w.rds.delete_option_group(OptionGroupName="own2"),
     setup=lambda w: (options(w), options(w, "own2"), make(w, OptionGroupName="own", **ORACLE)))
case("rds: sharing of a snapshot with the option TDE", VALUE, 400,
     lambda w: w.a.share("first", w.b.number), lambda w: w.a.share("plain", w.b.number),
     setup=lambda w: (options(w, "own", "oracle-ee", "19", "TDE"), snapped(w, OptionGroupName="own", **ORACLE),
                      w.a.database("plain"), w.a.snapshot("plain", "plain")))
case("rds: restore without a permanent option", MIX, 400,
     lambda w: restore(w, OptionGroupName="bare"), lambda w: restore(w, OptionGroupName="own"),
     setup=lambda w: (options(w, "own", "oracle-ee", "19", "Timezone"), options(w, "bare"),
                      snapped(w, OptionGroupName="own", **ORACLE)))
