//! The language of the table. Commands are separated by `;`, words by blanks. Colours are three or six
//! hexadecimal digits. `x` is in percent of the width; `y`, radii and thicknesses in percent of the
//! height; angles in degrees, clockwise.
//!
//! | command | draws |
//! | --- | --- |
//! | `bg C` | everything |
//! | `h C..`, `v C..` | horizontal, vertical bands; `C*3` is three times as wide |
//! | `rect C x y w h` | a rectangle by its corner and size (`w` in percent of the width) |
//! | `tri C x` | a triangle at the hoist, its tip at `x` |
//! | `poly C x,y ...` | a polygon |
//! | `disc C x y r [ry]` | a disc, an oval with `ry` |
//! | `pie C x y r from to` | a sector |
//! | `arc C x y r w from to` | an arc `w` thick |
//! | `moon C x y r shift r2 [turn]` | a disc without another, shifted |
//! | `star C x y r [turn]` | a five-pointed star |
//! | `sun C n inner x y r [turn]` | a star of n points, its inner radius a share of `r` |
//! | `ring C n x y radius r` | n stars in a ring |
//! | `grid C n m x y w h r` | n by m stars, their centres from `x y`, `w h` apart |
//! | `line C x y x y w` | a thick line |
//! | `cross C x y w` | a cross to the edges |
//! | `salt C w` | diagonals to the corners |
//! | `check C x y w h n m` | every other field of a board of n by m |
//! | `jack x y w h` | the Union Jack in a rectangle |

use std::f64::consts::TAU;
use std::str::FromStr;

use super::canvas::{Canvas, Point, Rgb};

/// Draws until the first mistake, and tells it.
pub(super) fn draw(canvas: &mut Canvas, text: &'static str) -> Result<(), &'static str> {
    text.split(';').try_for_each(|command| Pen { canvas, words: command }.command())
}

struct Pen<'a> {
    canvas: &'a mut Canvas,
    words: &'static str,
}

type Drawn = Result<(), &'static str>;

impl Pen<'_> {
    fn command(mut self) -> Drawn {
        match self.word()? {
            "h" => self.bands(false),
            "bg" | "v" => self.bands(true),
            "jack" => self.jack(),
            shape => self.shape(shape),
        }?;
        if self.words.is_empty() { Ok(()) } else { Err(self.words) }
    }

    fn shape(&mut self, shape: &'static str) -> Drawn {
        let colour = colour(self.word()?)?;
        match shape {
            "rect" => {
                let (at, size) = (self.point()?, self.point()?);
                self.rect(colour, at, size);
            }
            "tri" => {
                let tip = (self.wide()?, self.canvas.height() / 2.0);
                self.canvas.polygon(colour, &[(0.0, 0.0), tip, (0.0, self.canvas.height())]);
            }
            "poly" => {
                let mut points = Vec::new();
                while !self.words.is_empty() {
                    let (x, y) = self.word()?.split_once(',').ok_or("a point is x,y")?;
                    points.push(self.at(parse(x)?, parse(y)?));
                }
                self.canvas.polygon(colour, &points);
            }
            "disc" => {
                let (at, r) = (self.point()?, self.high()?);
                let ry = self.optional(self.canvas.height() / 100.0)?.unwrap_or(r);
                let points: Vec<_> = turns(90, 0.0, TAU)
                    .map(|a| (at.0 + r * a.cos(), at.1 + ry * a.sin()))
                    .collect();
                self.canvas.polygon(colour, &points);
            }
            "pie" => {
                let (at, r) = (self.point()?, self.high()?);
                let (from, to) = (self.angle()?, self.angle()?);
                let mut points: Vec<_> = turns(60, from, to).map(|a| polar(at, r, a)).collect();
                points.push(at);
                self.canvas.polygon(colour, &points);
            }
            "arc" => {
                let (at, r, w) = (self.point()?, self.high()?, self.high()?);
                let (from, to) = (self.angle()?, self.angle()?);
                let outer = turns(60, from, to).map(|a| polar(at, r + w / 2.0, a));
                let inner = turns(60, to, from).map(|a| polar(at, r - w / 2.0, a));
                let points: Vec<_> = outer.chain(inner).collect();
                self.canvas.polygon(colour, &points);
            }
            "moon" => {
                let (at, r, shift, r2) = (self.point()?, self.high()?, self.high()?, self.high()?);
                let turn = self.optional(TAU / 360.0)?.unwrap_or(0.0);
                self.moon(colour, at, (r, shift, r2), turn);
            }
            "star" => {
                let (at, r) = (self.point()?, self.high()?);
                let turn = self.optional(TAU / 360.0)?.unwrap_or(0.0);
                self.star(colour, at, r, 5, 0.382, turn);
            }
            "sun" => {
                let (n, inner) = (self.count()?, self.real()?);
                let (at, r) = (self.point()?, self.high()?);
                let turn = self.optional(TAU / 360.0)?.unwrap_or(0.0);
                self.star(colour, at, r, n, inner, turn);
            }
            "ring" => {
                let n = self.count()?;
                let (at, radius, r) = (self.point()?, self.high()?, self.high()?);
                for a in turns(n, 0.0, TAU).take(n) {
                    self.star(colour, polar(at, radius, a - TAU / 4.0), r, 5, 0.382, 0.0);
                }
            }
            "grid" => {
                let (n, m) = (self.count()?, self.count()?);
                let (at, step, r) = (self.point()?, self.point()?, self.high()?);
                for (i, j) in (0..m).flat_map(|j| (0..n).map(move |i| (i, j))) {
                    let at = (at.0 + step.0 * real(i), at.1 + step.1 * real(j));
                    self.star(colour, at, r, 5, 0.382, 0.0);
                }
            }
            "line" => {
                let (from, to, w) = (self.point()?, self.point()?, self.high()?);
                self.line(colour, from, to, w);
            }
            "cross" => {
                let (at, w) = (self.point()?, self.high()?);
                let (width, height) = (self.canvas.width(), self.canvas.height());
                self.rect(colour, (at.0 - w / 2.0, 0.0), (w, height));
                self.rect(colour, (0.0, at.1 - w / 2.0), (width, w));
            }
            "salt" => {
                let w = self.high()?;
                self.diagonals(colour, w, (0.0, 0.0), (self.canvas.width(), self.canvas.height()));
            }
            "check" => {
                let (at, size) = (self.point()?, self.point()?);
                let (n, m) = (self.count()?, self.count()?);
                let field = (size.0 / real(n), size.1 / real(m));
                for (i, j) in (0..m).flat_map(|j| (0..n).map(move |i| (i, j))) {
                    if (i + j) % 2 == 0 {
                        let at = (at.0 + field.0 * real(i), at.1 + field.1 * real(j));
                        self.rect(colour, at, field);
                    }
                }
            }
            _ => return Err("an unknown command"),
        }
        Ok(())
    }

    fn bands(&mut self, upright: bool) -> Drawn {
        let mut bands = Vec::new();
        while !self.words.is_empty() {
            let word = self.word()?;
            let (name, weight) = word.split_once('*').unwrap_or((word, "1"));
            bands.push((colour(name)?, parse(weight)?));
        }
        let total: f64 = bands.iter().map(|(_, weight)| weight).sum();
        let (width, height) = (self.canvas.width(), self.canvas.height());
        let mut at = 0.0;
        for (colour, weight) in bands {
            let share = weight / total;
            if upright {
                self.rect(colour, (at * width, 0.0), (share * width, height));
            } else {
                self.rect(colour, (0.0, at * height), (width, share * height));
            }
            at += share;
        }
        Ok(())
    }

    /// After the flag's own measures, in thirtieths of its height; the red diagonals lie to one side
    /// of the white ones' middle.
    fn jack(&mut self) -> Drawn {
        const RED: Rgb = [0xc8, 0x10, 0x2e];
        const WHITE: Rgb = [0xff; 3];
        let (at, size) = (self.point()?, self.point()?);
        let before = self.canvas.clip;
        let end = (at.0 + size.0, at.1 + size.1);
        self.canvas.clip = (at.0, at.1, end.0, end.1);
        self.rect([0x01, 0x21, 0x69], at, size);
        let unit = size.1 / 30.0;
        self.diagonals(WHITE, 6.0 * unit, at, size);
        let middle = (at.0 + size.0 / 2.0, at.1 + size.1 / 2.0);
        for corner in [at, (end.0, at.1), end, (at.0, end.1)] {
            let (dx, dy) = (corner.0 - middle.0, corner.1 - middle.1);
            let off = unit / dx.hypot(dy);
            let aside = |p: Point| (p.0 + dy * off, p.1 - dx * off);
            self.line(RED, aside(middle), aside((corner.0 + dx, corner.1 + dy)), 2.0 * unit);
        }
        for (colour, w) in [(WHITE, 10.0 * unit), (RED, 6.0 * unit)] {
            self.rect(colour, (middle.0 - w / 2.0, at.1), (w, size.1));
            self.rect(colour, (at.0, middle.1 - w / 2.0), (size.0, w));
        }
        self.canvas.clip = before;
        Ok(())
    }

    fn rect(&mut self, colour: Rgb, (x, y): Point, (w, h): Point) {
        self.canvas.polygon(colour, &[(x, y), (x + w, y), (x + w, y + h), (x, y + h)]);
    }

    fn line(&mut self, colour: Rgb, from: Point, to: Point, w: f64) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let half = w / 2.0 / dx.hypot(dy);
        let (nx, ny) = (-dy * half, dx * half);
        let ends = [
            (from.0 + nx, from.1 + ny),
            (to.0 + nx, to.1 + ny),
            (to.0 - nx, to.1 - ny),
            (from.0 - nx, from.1 - ny),
        ];
        self.canvas.polygon(colour, &ends);
    }

    fn diagonals(&mut self, colour: Rgb, w: f64, (x, y): Point, (width, height): Point) {
        let over = |p: Point, q: Point| (p.0 + (p.0 - q.0), p.1 + (p.1 - q.1));
        let diagonals = [((x, y), (x + width, y + height)), ((x + width, y), (x, y + height))];
        for (from, to) in diagonals {
            self.line(colour, over(from, to), over(to, from), w);
        }
    }

    fn star(&mut self, colour: Rgb, at: Point, r: f64, n: usize, inner: f64, turn: f64) {
        let up = turn - TAU / 4.0;
        let points: Vec<_> = turns(2 * n, up, up + TAU)
            .take(2 * n)
            .enumerate()
            .map(|(i, a)| polar(at, if i % 2 == 0 { r } else { r * inner }, a))
            .collect();
        self.canvas.polygon(colour, &points);
    }

    fn moon(&mut self, colour: Rgb, at: Point, (r, shift, r2): (f64, f64, f64), turn: f64) {
        // Where the circles meet, seen from each centre.
        let outer = ((r * r + shift * shift - r2 * r2) / (2.0 * r * shift)).clamp(-1.0, 1.0).acos();
        let inner =
            ((r2 * r2 + shift * shift - r * r) / (2.0 * r2 * shift)).clamp(-1.0, 1.0).acos();
        let other = polar(at, shift, turn);
        let out = turns(60, turn + outer, turn + TAU - outer).map(|a| polar(at, r, a));
        let half = TAU / 2.0;
        let back = turns(60, turn + half + inner, turn + half - inner);
        let points: Vec<_> = out.chain(back.map(|a| polar(other, r2, a))).collect();
        self.canvas.polygon(colour, &points);
    }

    fn word(&mut self) -> Result<&'static str, &'static str> {
        let (word, rest) = self.words.split_once(' ').unwrap_or((self.words, ""));
        self.words = rest;
        if word.is_empty() { Err("a word is missing") } else { Ok(word) }
    }

    fn real(&mut self) -> Result<f64, &'static str> {
        parse(self.word()?)
    }

    fn count(&mut self) -> Result<usize, &'static str> {
        parse(self.word()?)
    }

    fn optional(&mut self, unit: f64) -> Result<Option<f64>, &'static str> {
        if self.words.is_empty() { Ok(None) } else { Ok(Some(self.real()? * unit)) }
    }

    fn wide(&mut self) -> Result<f64, &'static str> {
        Ok(self.real()? * self.canvas.width() / 100.0)
    }

    fn high(&mut self) -> Result<f64, &'static str> {
        Ok(self.real()? * self.canvas.height() / 100.0)
    }

    fn angle(&mut self) -> Result<f64, &'static str> {
        Ok(self.real()? * TAU / 360.0)
    }

    fn point(&mut self) -> Result<Point, &'static str> {
        Ok((self.wide()?, self.high()?))
    }

    fn at(&self, x: f64, y: f64) -> Point {
        (x * self.canvas.width() / 100.0, y * self.canvas.height() / 100.0)
    }
}

fn polar(at: Point, r: f64, angle: f64) -> Point {
    (at.0 + r * angle.cos(), at.1 + r * angle.sin())
}

/// `n + 1` angles from the one to the other.
fn turns(n: usize, from: f64, to: f64) -> impl Iterator<Item = f64> {
    (0..=n).map(move |i| from + (to - from) * real(i) / real(n))
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn real(n: usize) -> f64 {
    n as f64
}

fn parse<T: FromStr>(word: &'static str) -> Result<T, &'static str> {
    word.parse().map_err(|_| word)
}

fn colour(word: &'static str) -> Result<Rgb, &'static str> {
    let n = u32::from_str_radix(word, 16).map_err(|_| word)?;
    let [_, r, g, b] = match word.len() {
        3 => [n >> 8, n >> 4, n].map(|d| (d & 15) * 17).iter().fold(0, |n, d| (n << 8) | d),
        6 => n,
        _ => return Err(word),
    }
    .to_be_bytes();
    Ok([r, g, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours() {
        assert_eq!(colour("f0a"), Ok([255, 0, 170]));
        assert_eq!(colour("102030"), Ok([16, 32, 48]));
        assert!(colour("ffff").is_err() && colour("xyz").is_err());
    }

    #[test]
    fn mistakes_are_told() {
        let mut canvas = Canvas::new(8, 8);
        for bad in ["", "zig fff", "disc fff 1 2", "disc fff 1 2 3 4 5", "h fff*x", "tri f 3"] {
            assert!(draw(&mut canvas, bad).is_err(), "{bad}");
        }
        assert_eq!(draw(&mut canvas, "bg fff;tri 000 50;jack 0 0 50 50"), Ok(()));
    }
}
