-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Inserting, indexing, changing and querying.
pragma journal_mode = wal;
create table person(id integer primary key, name text, city integer, age integer, note text);
create table city(id integer primary key, name text unique, size integer);
create table visit(person integer, city integer, day integer, cost real);

begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
insert into city select i, printf('city-%04d', i * 7919 % 500), i * 104729 % 1000003 from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
insert into person select i, printf('person %08x', i * 2654435761 % 4294967296), 1 + i * 31 % 500,
	i * 17 % 90, hex(i * i) || ' lives there' from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
insert into visit select 1 + i * 7919 % 60000, 1 + i * 104729 % 500, i % 365, (i % 1000) / 7.0 from n;
commit;

create index person_city on person(city, age);
create index visit_person on visit(person, day);

select city.name, count(*), avg(age), max(note) from person join city on city.id = person.city
	group by city.id order by 2 desc, 1 limit 10;
select p.name, sum(v.cost) s, count(distinct v.city) from person p join visit v on v.person = p.id
	where p.age between 30 and 40 group by p.id order by s desc, p.name limit 10;
select day / 30, printf('%.6f', sum(cost)), count(*) from visit group by 1 order by 1;
select count(*) from person where name like '%ab%cd%';
select count(*) from person a join person b on a.city = b.city and a.age = b.age and a.id < b.id
	where a.city < 100;

begin;
update visit set cost = cost * 1.25 where person in (select id from person where age < 20);
delete from person where age > 80 and city % 3 = 0;
update person set note = upper(note) || length(name) where city % 5 = 0;
commit;

select count(*), sum(length(note)), min(name), max(name) from person;
select printf('%.6f', sum(cost)) from visit;
select substr(note, 1, 4) k, count(*) c from person group by k order by c desc, k limit 10;
pragma integrity_check;
