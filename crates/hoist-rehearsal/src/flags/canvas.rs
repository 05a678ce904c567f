//! A small canvas: polygons in flat colours, smoothed by drawing three times as large, saved as GIF.

use std::collections::HashMap;

/// Drawn so many times larger in each direction.
const FINE: usize = 3;

pub(super) type Rgb = [u8; 3];
/// A point in pixels of the picture.
pub(super) type Point = (f64, f64);

pub(super) struct Canvas {
    width: usize,
    height: usize,
    /// Indices into `colours`, `FINE` times as many in each direction.
    pixels: Vec<u8>,
    colours: Vec<Rgb>,
    /// Left, top, right, bottom, in pixels of the picture.
    pub(super) clip: (f64, f64, f64, f64),
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![0; width * height * FINE * FINE],
            colours: vec![[255; 3]],
            clip: (0.0, 0.0, real(width), real(height)),
        }
    }

    pub(super) fn width(&self) -> f64 {
        real(self.width)
    }

    pub(super) fn height(&self) -> f64 {
        real(self.height)
    }

    /// Fills a polygon (even-odd).
    pub(super) fn polygon(&mut self, colour: Rgb, points: &[Point]) {
        let colour = self.colour(colour);
        let fine = real(FINE);
        let (left, top, right, bottom) = self.clip;
        let ys = points.iter().map(|p| p.1);
        let (low, high) = ys.fold((f64::MAX, f64::MIN), |(l, h), y| (l.min(y), h.max(y)));
        let first = index(low.max(top) * fine, self.height * FINE);
        let last = index(high.min(bottom) * fine, self.height * FINE);
        let mut crossings = Vec::new();
        for row in first..last {
            let y = (real(row) + 0.5) / fine;
            crossings.clear();
            let edges = points.iter().zip(points.iter().cycle().skip(1));
            crossings.extend(edges.filter(|(a, b)| (a.1 <= y) != (b.1 <= y)).map(|(a, b)| {
                let x = a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0);
                index(x.clamp(left, right) * fine, self.width * FINE)
            }));
            crossings.sort_unstable();
            for pair in crossings.chunks_exact(2) {
                let line = row * self.width * FINE;
                self.pixels[line + pair[0]..line + pair[1]].fill(colour);
            }
        }
    }

    fn colour(&mut self, colour: Rgb) -> u8 {
        let known = self.colours.iter().position(|c| *c == colour);
        let at = known.unwrap_or_else(|| {
            self.colours.push(colour);
            self.colours.len() - 1
        });
        u8::try_from(at).unwrap_or_default()
    }

    pub(super) fn gif(&self) -> Vec<u8> {
        let (pixels, palette) = self.smooth();
        let (Ok(width), Ok(height)) = (u16::try_from(self.width), u16::try_from(self.height))
        else {
            return Vec::new();
        };
        let mut out = Vec::new();
        let frame = gif::Frame { width, height, buffer: pixels.into(), ..gif::Frame::default() };
        // Writing to memory does not fail, and sizes and palette fit by construction.
        let written = gif::Encoder::new(&mut out, width, height, palette.as_flattened())
            .and_then(|mut encoder| encoder.write_frame(&frame));
        debug_assert!(written.is_ok());
        out
    }

    /// Each pixel the mean of its fine ones; at most 256 colours.
    fn smooth(&self) -> (Vec<u8>, Vec<Rgb>) {
        let mut palette: Vec<Rgb> = Vec::new();
        let mut known: HashMap<Rgb, u8> = HashMap::new();
        let mut plain = vec![None; self.colours.len()];
        let mut pixels = Vec::with_capacity(self.width * self.height);
        let line = self.width * FINE;
        for rows in self.pixels.chunks_exact(line * FINE) {
            let rows = [&rows[..line], &rows[line..2 * line], &rows[2 * line..]];
            let mut x = 0;
            while x < line {
                let first = rows[0][x];
                let flat = [first; FINE];
                let same = rows.iter().all(|row| row[x..x + FINE] == flat);
                let known_plain = plain[usize::from(first)].filter(|_| same);
                let at = known_plain.unwrap_or_else(|| {
                    let mean = self.mean(rows, x);
                    *known.entry(mean).or_insert_with(|| place(&mut palette, mean))
                });
                if same {
                    plain[usize::from(first)] = Some(at);
                }
                pixels.push(at);
                x += FINE;
            }
        }
        (pixels, palette)
    }

    fn mean(&self, rows: [&[u8]; FINE], x: usize) -> Rgb {
        let mut sum = [0_usize; 3];
        for spot in rows.iter().flat_map(|row| &row[x..x + FINE]) {
            let colour = self.colours[usize::from(*spot)];
            for (sum, part) in sum.iter_mut().zip(colour) {
                *sum += usize::from(part);
            }
        }
        sum.map(|s| u8::try_from(s / (FINE * FINE)).unwrap_or(255))
    }
}

/// The colour's place in the palette; the nearest one's when it is full.
fn place(palette: &mut Vec<Rgb>, colour: Rgb) -> u8 {
    if palette.len() < 256 {
        palette.push(colour);
        return u8::try_from(palette.len() - 1).unwrap_or_default();
    }
    let far = |c: &Rgb| c.iter().zip(colour).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum();
    let nearest = (0_u8..=255).min_by_key(|at| -> u32 { far(&palette[usize::from(*at)]) });
    nearest.unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "pictures are small")]
fn real(n: usize) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn index(x: f64, limit: usize) -> usize {
    x.round().clamp(0.0, real(limit)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_fills_its_pixels_and_smooths_its_edges() {
        let mut canvas = Canvas::new(4, 4);
        canvas.polygon([90, 0, 0], &[(0.0, 0.0), (1.5, 0.0), (1.5, 2.0), (0.0, 2.0)]);
        let (pixels, palette) = canvas.smooth();
        let row: Vec<_> = pixels[..4].iter().map(|p| palette[usize::from(*p)]).collect();
        assert_eq!(row[0], [90, 0, 0]);
        assert!(row[1][0] > 90 && row[1][0] < 255, "{row:?}");
        assert_eq!(row[2..], [[255; 3]; 2]);
        assert_eq!(palette[usize::from(pixels[8])], [255; 3]);
    }

    #[test]
    fn nothing_is_drawn_outside_the_clip() {
        let mut canvas = Canvas::new(4, 4);
        canvas.clip = (1.0, 1.0, 2.0, 2.0);
        canvas.polygon([0; 3], &[(-9.0, -9.0), (9.0, -9.0), (9.0, 9.0), (-9.0, 9.0)]);
        let (pixels, palette) = canvas.smooth();
        let black = pixels.iter().filter(|p| palette[usize::from(**p)] == [0; 3]).count();
        assert_eq!(black, 1);
    }
}
