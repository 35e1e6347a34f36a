//! What a device is, and whether its clock is right.

use serde_json::Value;

use super::capture::{Capture, Device, Family};
use super::json::{junos_items, junos_text, text};
use super::record::Record;
use super::unknown_command;

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let family = record.family().unwrap_or_default();
    let device = device(record, capture);
    match family {
        Family::Linux | Family::LinuxSwitch if record.data.is_string() => {
            read_hostnamectl(record.text()?, device);
        }
        Family::Linux | Family::LinuxSwitch => {
            device.os = text(&record.data, "os-version");
        }
        Family::Eos => {
            device.vendor = Some("Arista".into());
            device.model = text(&record.data, "modelName");
            device.os = text(&record.data, "version").map(|version| format!("EOS {version}"));
        }
        Family::Nxos => {
            device.vendor = Some("Cisco".into());
            let Ok(Some(answer)) = record.json() else {
                device.os =
                    version_line(record.text()?, "NXOS: version").map(|v| format!("NX-OS {v}"));
                return Ok(());
            };
            device.model = text(&answer, "chassis_id");
            let version =
                text(&answer, "nxos_ver_str").or_else(|| text(&answer, "kickstart_ver_str"));
            device.os = version.map(|version| format!("NX-OS {version}"));
        }
        Family::Ios => {
            device.vendor = Some("Cisco".into());
            device.os = record.text()?.lines().next().map(|line| line.trim().to_owned());
        }
        Family::Junos => {
            let Some(answer) = record.json()? else { return Ok(()) };
            if record.cmd.starts_with("show system uptime") {
                device.clock_synchronized = junos_time_source(&answer);
                return Ok(());
            }
            if !record.cmd.starts_with("show system information") {
                return Err(unknown_command(record));
            }
            device.vendor = Some("Juniper".into());
            for system in junos_items(&answer, &["system-information"]) {
                device.model = junos_text(system, "hardware-model");
                device.os =
                    junos_text(system, "os-version").map(|version| format!("Junos {version}"));
            }
        }
    }
    Ok(())
}

fn device<'a>(record: &Record, capture: &'a mut Capture) -> &'a mut Device {
    capture.devices.entry(record.hostname.clone()).or_default()
}

/// `  Operating System: Ubuntu 18.04.3 LTS`
fn read_hostnamectl(answer: &str, device: &mut Device) {
    for line in answer.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match name.trim() {
            "Chassis" => device.model = Some(value),
            "Operating System" => {
                device.vendor = value.split_whitespace().next().map(str::to_owned);
                device.os = Some(value);
            }
            // `cpe:/o:cumulusnetworks:cumulus_linux:3.7.12` has the version that the name lacks.
            "CPE OS Name" => {
                if let (Some(os), Some(version)) = (&mut device.os, value.rsplit(':').next())
                    && version.starts_with(|c: char| c.is_ascii_digit())
                {
                    *os = format!("{os} {version}");
                }
            }
            _ => {}
        }
    }
}

fn version_line(answer: &str, key: &str) -> Option<String> {
    let (_, rest) = answer.split_once(key)?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// Whether the clock claims to be synchronised: `timedatectl`, `show clock`.
pub(super) fn read_clock(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let answer = record.text()?;
    let mut claims = None;
    for line in answer.lines() {
        let Some((name, value)) = line.split_once(':') else {
            // `Time source is NTP`
            if let Some((_, source)) = line.split_once("Time source is ") {
                claims = Some(is_network_time(source));
            }
            continue;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "ntp synchronized" | "system clock synchronized" => {
                claims = Some(value.trim() == "yes")
            }
            "clock source" => claims = Some(is_network_time(value)),
            _ => {}
        }
    }
    if let Some(claims) = claims {
        device(record, capture).clock_synchronized = Some(claims);
    }
    Ok(())
}

fn is_network_time(source: &str) -> bool {
    let source = source.to_ascii_uppercase();
    source.contains("NTP") || source.contains("PTP")
}

fn junos_time_source(answer: &Value) -> Option<bool> {
    let single = junos_items(answer, &["system-uptime-information"]);
    let nested =
        ["multi-routing-engine-results", "multi-routing-engine-item", "system-uptime-information"];
    let systems = single.into_iter().chain(junos_items(answer, &nested));
    systems
        .filter_map(|system| junos_text(system, "time-source"))
        .map(|s| is_network_time(&s))
        .next()
}
