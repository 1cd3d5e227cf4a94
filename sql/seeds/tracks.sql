-- The race tracks. The asset racing/tracks runs it, at any time: it repairs what drifted.
-- provider_code: KRA's `meet`; the name that KSPO's requests take.

insert into tracks (track_id, sport, name, name_ko, source, provider_code) values
    ('seoul',       'horse', 'Seoul',          '서울',     'kra',  '1'),
    ('jeju',        'horse', 'Jeju',           '제주',     'kra',  '2'),
    ('busan',       'horse', 'Busan-Gyeongnam', '부산경남', 'kra',  '3'),
    ('gwangmyeong', 'cycle', 'Gwangmyeong',    '광명',     'kspo', '광명'),
    ('changwon',    'cycle', 'Changwon',       '창원',     'kspo', '창원'),
    ('busan_cycle', 'cycle', 'Busan',          '부산',     'kspo', '부산'),
    ('misari',      'boat',  'Misari',         '미사리',   'kspo', '미사리')
on conflict (track_id) do update
    set (sport, name, name_ko, source, provider_code) =
        (excluded.sport, excluded.name, excluded.name_ko, excluded.source, excluded.provider_code)
    where (tracks.sport, tracks.name, tracks.name_ko, tracks.source, tracks.provider_code)
        is distinct from
        (excluded.sport, excluded.name, excluded.name_ko, excluded.source, excluded.provider_code);
