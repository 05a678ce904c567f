/// What tells this boot of the machine from others; all zero where the system does not say.
///
/// What a process wrote is seen by the next one until the machine stops: after that only what was
/// synced is sure.
pub(crate) fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits = text.trim().replace('-', "");
    u128::from_str_radix(&digits, 16).map_or([0; 16], u128::to_be_bytes)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_boot_has_an_id_that_stays() {
        assert_ne!(super::boot_id(), [0; 16]);
        assert_eq!(super::boot_id(), super::boot_id());
    }
}
