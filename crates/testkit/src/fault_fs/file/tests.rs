use super::*;

fn survivor(file: &FileState, policy: CrashPolicy) -> Vec<u8> {
    file.survivor(policy, &mut policy.random())
}

fn random_survivors(file: &FileState) -> Vec<Vec<u8>> {
    (0..400).map(|seed| survivor(file, CrashPolicy::Random { seed })).collect()
}

#[test]
fn policies_keep_what_they_say() {
    let mut file = FileState::default();
    file.write(b"synced", 0);
    file.sync();
    file.write(b"more", 6);
    assert_eq!(survivor(&file, CrashPolicy::LoseUnsynced), b"synced");
    assert_eq!(survivor(&file, CrashPolicy::KeepAll), b"syncedmore");
    assert_eq!(survivor(&file, CrashPolicy::NamesOnly), b"synced\0\0\0\0");
}

/// Between losing and keeping lie torn writes, holes and lengths without bytes; all of them must come up, and
/// never a sector that is neither old nor new.
#[test]
fn a_random_crash_tears_between_sectors_and_never_inside() {
    let mut file = FileState::settled(vec![1; 4 * SECTOR_BYTES]);
    file.write(&vec![2; 4 * SECTOR_BYTES], 0);
    file.write(&vec![3; SECTOR_BYTES], 4 * SECTOR_BYTES);
    let (mut torn, mut hole, mut cut) = (0, 0, 0);
    for image in random_survivors(&file) {
        let sectors: Vec<u8> = image
            .chunks(SECTOR_BYTES)
            .map(|sector| {
                assert!(sector.iter().all(|byte| byte == &sector[0]), "a sector is written whole");
                sector[0]
            })
            .collect();
        assert!(sectors[..4].iter().all(|byte| matches!(byte, 1 | 2)), "{sectors:?}");
        torn += usize::from(sectors[..4].contains(&1) && sectors[..4].contains(&2));
        hole += usize::from(sectors.get(4) == Some(&0));
        cut += usize::from(sectors.len() == 4);
    }
    assert!(torn > 20 && hole > 20 && cut > 20, "torn {torn}, holes {hole}, cut {cut}");
}

/// Two writes into one sector: the second never survives without the first, as both leave the page cache together.
#[test]
fn a_sector_is_as_it_was_after_some_write() {
    let mut file = FileState::settled(vec![0; SECTOR_BYTES]);
    file.write(b"a", 0);
    file.write(b"b", 1);
    let mut seen: Vec<[u8; 2]> = random_survivors(&file).iter().map(|image| [image[0], image[1]]).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [[0, 0], [b'a', 0], [b'a', b'b']]);
}

#[test]
fn cutting_and_growing_again_may_be_lost_but_mixes_nothing() {
    let mut file = FileState::settled(vec![1; 1_000]);
    file.set_len(0);
    file.set_len(1_000);
    assert_eq!(file.bytes(), vec![0; 1_000]);
    let mut lengths: Vec<usize> = random_survivors(&file).iter().map(Vec::len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths, [0, 1_000]);
}

/// INV-ENV-5: after a failed sync a later success proves nothing about the bytes before it.
#[test]
fn a_sync_after_a_failed_one_does_not_save_what_that_lost() {
    let mut file = FileState::settled(vec![0; 2 * SECTOR_BYTES]);
    file.write(b"doomed", 0);
    file.doom();
    file.write(b"later", SECTOR_BYTES);
    file.sync();
    let image = survivor(&file, CrashPolicy::LoseUnsynced);
    assert_eq!(&image[..6], &[0; 6]);
    assert_eq!(&image[SECTOR_BYTES..SECTOR_BYTES + 5], b"later");
    assert!(
        random_survivors(&file).iter().any(|image| image.starts_with(b"doomed")),
        "nor is it surely gone"
    );
}

#[test]
fn what_was_copied_into_a_map_is_torn_into_words() {
    let mut file = FileState::settled(vec![1; 2 * SECTOR_BYTES]);
    file.copy(&[2; SECTOR_BYTES], 256);
    let mut torn_inside = 0;
    for image in random_survivors(&file) {
        assert_eq!(image.len(), 2 * SECTOR_BYTES);
        for word in image.chunks(8) {
            assert!(word == [1; 8] || word == [2; 8], "a word is stored whole");
        }
        torn_inside += usize::from(image[256..512].contains(&1) && image[256..512].contains(&2));
    }
    assert!(torn_inside > 20, "{torn_inside}");
    assert_eq!(survivor(&file, CrashPolicy::LoseUnsynced), [1; 2 * SECTOR_BYTES]);
    assert_eq!(survivor(&file, CrashPolicy::KeepAll), file.bytes());
}

#[test]
fn a_synced_range_promises_nothing_beside_it() {
    let mut file = FileState::settled(vec![1; 100]);
    for offset in [0, 16, 32, 48] {
        file.copy(&[2; 16], offset);
    }
    file.sync_range(16..48);
    let kept = survivor(&file, CrashPolicy::LoseUnsynced);
    assert!(kept[..16].iter().chain(&kept[48..]).all(|byte| *byte == 1), "{kept:?}");
    assert!(kept[16..48].iter().all(|byte| *byte == 2), "{kept:?}");
    file.copy(&[3; 16], 24);
    file.sync_range(0..40);
    let kept = survivor(&file, CrashPolicy::LoseUnsynced);
    assert!(kept[16..40].iter().zip(16..).all(|(byte, at)| *byte == if at < 24 { 2 } else { 3 }), "{kept:?}");
}
