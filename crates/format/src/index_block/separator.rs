//! Short keys between blocks: what the index stores in place of whole keys.

use esker_mem::comparator::KeyOrder;

/// Replaces `out` by a shortest key with `a <= out < b`, where `a < b` are the last key of a block and the first of the next
/// one. In another order than the bytes', or where the two are the same user key, that is `a` itself.
///
/// ```
/// use esker_format::index_block::separator::shortest_separator;
/// use esker_mem::comparator::KeyOrder;
///
/// let mut separator = Vec::new();
/// shortest_separator(b"tenant/0042/apple", b"tenant/0042/quince", &KeyOrder::Bytes, &mut separator);
/// assert_eq!(separator, b"tenant/0042/b");
/// ```
pub fn shortest_separator(a: &[u8], b: &[u8], order: &KeyOrder, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(a);
    if !order.is_bytes() {
        return;
    }
    let shared = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (Some(&from_a), Some(&from_b)) = (a.get(shared), b.get(shared)) else {
        // `a` is a prefix of `b`: nothing shorter lies between.
        return;
    };
    if from_a >= from_b {
        return;
    }
    if from_a + 1 < from_b {
        out.truncate(shared);
        out.push(from_a + 1);
    } else if b.len() > shared + 1 {
        // The first differing byte of `b` is already above `a`, and `b` goes on after it.
        out.truncate(shared);
        out.push(from_b);
    } else {
        // `b` ends with that byte: raise the first byte of `a` behind it that can be raised.
        raise_after(shared + 1, out);
    }
}

/// Replaces `out` by a shortest key `>= a`: the separator after the last block. In another order than the bytes', `a` itself.
pub fn shortest_successor(a: &[u8], order: &KeyOrder, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(a);
    if order.is_bytes() {
        raise_after(0, out);
    }
}

/// Cuts `key` after the first byte from `start` on that can be raised by one, and raises it, where that makes it shorter.
fn raise_after(start: usize, key: &mut Vec<u8>) {
    let raised = key.iter().enumerate().skip(start).find(|&(_, &byte)| byte < u8::MAX);
    if let Some((index, &byte)) = raised
        && index + 1 < key.len()
    {
        key.truncate(index);
        key.push(byte + 1);
    }
}

#[cfg(test)]
mod tests;
